"""From a sick sample to a patched copy that trains: one diff, and every other byte as it was."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gradcheck_cli import diagnosing
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.cli.app import app
from gradcheck_cli.fixing import fix
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.remedies.patching.patch import Patch, patch
from gradcheck_cli.remedies.proposing import propose
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.targets.target import Target
from sample_models import FOLDER, SICK
from tests.support.processes import python

DEEP = {"plain_deep_relu", "depth_without_normalization"}  # forty layers, seconds for fifty steps

# sample -> the remedy to write, and how many lines the diff takes away and adds
CURES = {
    "clipping_too_strong": ("loosen-clipping", 1, 1),
    "deep_sigmoid": ("swap-activation", 10, 10),
    "depth_without_normalization": ("initialize", 1, 8),
    "detached_encoder": ("reconnect-graph", 1, 1),
    "double_softmax": ("drop-output-activation", 1, 0),
    "dying_relu": ("revive-dead-relu", 4, 10),
    "exploding": ("initialize", 1, 8),
    "frozen_parameters": ("unfreeze", 1, 1),
    "learning_rate_too_high": ("lower-learning-rate", 1, 1),
    "learning_rate_too_low": ("raise-learning-rate", 1, 1),
    "long_recurrence": ("initialize-recurrence", 1, 14),
    "low_precision": ("keep-full-precision", 1, 1),
    "non_differentiable_operation": ("reconnect-graph", 1, 6),
    "optimizer_misses_parameters": ("optimize-all-parameters", 1, 1),
    "plain_deep_relu": ("initialize-orthogonally", 1, 8),
    "symmetric_init": ("initialize", 1, 8),
    "target_shape_broadcast": ("match-target-shape", 0, 1),
    "tiny_init_tanh": ("initialize", 1, 8),
    "unnormalized_input": ("standardize-inputs", 0, 13),
    "unregistered_modules": ("register-modules", 1, 1),
    "weight_decay_too_strong": ("lower-weight-decay", 1, 1),
    "wrong_output_activation": ("drop-output-activation", 1, 0),
}
# the variant of a remedy, where the first one is not the one that works
VARIANTS = {"learning_rate_too_high": "0.03", "learning_rate_too_low": "0.1"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project as the working folder."""
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    forget(tmp_path)


def forget(folder: Path) -> None:
    """Let files of this folder be imported anew."""
    for name, module in list(sys.modules.items()):
        if str(folder) in (getattr(module, "__file__", None) or ""):
            del sys.modules[name]


def copied(project: Path, sample: str) -> Path:
    return Path(shutil.copy(FOLDER / f"{sample}.py", project / f"{sample}.py"))


def diagnosed(file: Path) -> Report:
    forget(file.parent)
    target = Target.from_strings(file.name, device="cpu")
    return diagnosing.diagnose(target, verify=False)


def patched(file: Path, remedy: str, variant: str) -> Patch:
    target = Target.from_strings(file.name, device="cpu")
    training = target.build()
    trace = observe(training, 50)
    findings = judge(trace).findings
    made = propose(training, trace, rank(trace, findings), findings)
    wanted = [p for p in made if p.fix.name == remedy and variant in p.fix.summary]
    assert wanted, [p.fix.name for p in made]
    return patch(wanted[0].edits, training, target.labels, layers=wanted[0].fix.layers)


def count(diff: str, sign: str) -> int:
    return sum(x.startswith(sign) and not x.startswith(3 * sign) for x in diff.splitlines())


@pytest.mark.heavy
@pytest.mark.slow
@pytest.mark.parametrize("sample", sorted(CURES))
def test_the_written_fix_cures_the_sample_and_touches_only_its_lines(
    project: Path, sample: str
) -> None:
    file = copied(project, sample)
    remedy, removed, added = CURES[sample]
    made = patched(file, remedy, VARIANTS.get(sample, ""))
    assert (count(made.diff, "-"), count(made.diff, "+")) == (removed, added), made.diff
    made.write()
    kept = (FOLDER / file.name).read_bytes().splitlines(keepends=True)
    after = file.read_bytes().splitlines(keepends=True)
    assert sum(line in after for line in kept) >= len(kept) - removed
    report = diagnosed(file)
    assert report.verdict is not Verdict.SICK, (report.headline, made.diff)


def test_every_sick_sample_is_cured_or_needs_other_data() -> None:
    assert set(SICK) - set(CURES) == {"labels_without_signal", "degenerate_data"}


def test_where_no_edit_is_safe_the_brief_says_what_to_do_by_hand(project: Path) -> None:
    file = copied(project, "degenerate_data")
    text = said_by("diagnose", file.name, "--no-verify", "--output", "brief")
    assert "~~~diff" not in text
    assert re.search(
        r"^Next: by hand: .*find where it is lost .*, then run again: ", text, re.MULTILINE
    )


@pytest.mark.heavy  # that the edits of the deep ones cure them is tested above
@pytest.mark.parametrize("sample", sorted(CURES.keys() - DEEP))
def test_a_sample_is_mended_by_doing_what_its_brief_says(project: Path, sample: str) -> None:
    """A brief holds a diff, or its last line is the command that writes one; nothing else is read."""
    file = copied(project, sample)
    text = said_by("diagnose", file.name, "--no-verify", "--budget", "30", "--output", "brief")
    assert len(text.encode()) <= 6000, "2,000 tokens of three bytes"
    step = re.search(r"^Next: (.*)$", text, re.MULTILINE)
    assert step, text
    if step[1].startswith("gradcheck fix "):
        forget(project)
        said_by(*shlex.split(step[1])[1:])
    else:
        assert step[1].startswith("apply the diff above"), text
        diff = re.search(r"^~~~diff\n(.*?\n)~~~$", text, re.DOTALL | re.MULTILINE)
        assert diff, text
        subprocess.run(["git", "apply", "-"], cwd=project, input=diff[1], text=True, check=True)
    mended = diagnosed(file)
    assert mended.verdict is not Verdict.SICK, f"{mended.headline}\n{text}"


def said_by(*words: str) -> str:
    """Return what a command prints on stdout, run in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["gradcheck", *words])
        return CliRunner().invoke(app, list(words)).stdout


@pytest.mark.parametrize(
    ("sample", "remedy"),
    [
        pytest.param("double_softmax", "drop-output-activation", marks=pytest.mark.heavy),
        ("detached_encoder", "reconnect-graph"),
    ],
)
def test_fix_proves_a_change_and_offers_its_diff(project: Path, sample: str, remedy: str) -> None:
    copied(project, sample)
    said: list[str] = []
    cure = fix(Target.from_strings(f"{sample}.py", device="cpu"), budget=20, on_stage=said.append)
    assert any(re.fullmatch(r"trying \d+ fixes, about \d+ s", line) for line in said)
    assert cure.patch is not None
    best = cure.report.fixes[0]
    assert (best.name, best.verification.status) == (remedy, Status.VERIFIED)
    assert best.diff == cure.patch.diff
    assert best.diff.startswith(f"--- a/{sample}.py")
    assert cure.report.verdict is Verdict.SICK


def test_nothing_is_offered_to_a_healthy_model(project: Path) -> None:
    copied(project, "double_softmax")
    well = Target.from_strings("double_softmax.py:healthy_model", device="cpu")
    cure = fix(well, budget=5)
    assert (cure.report.fixes, cure.patch) == ((), None)


def test_nothing_is_patched_where_only_the_data_can_help(project: Path) -> None:
    copied(project, "labels_without_signal")
    cure = fix(Target.from_strings("labels_without_signal.py", device="cpu"), budget=10)
    assert cure.patch is None
    assert all(f.verification.status is not Status.VERIFIED for f in cure.report.fixes)


def gradcheck(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(project, "-m", "gradcheck_cli", *arguments)


@pytest.mark.heavy
def test_the_command_shows_a_diff_that_applies_and_write_makes_the_model_clean(
    project: Path,
) -> None:
    file = copied(project, "detached_encoder")
    before = file.read_text()
    shown = gradcheck(project, "fix", file.name, "--budget", "15")
    assert shown.returncode == 0, shown.stderr
    assert file.read_text() == before
    assert "verified: reconnect-graph" in shown.stderr
    assert count(shown.stdout, "-") == count(shown.stdout, "+") == 1
    written = gradcheck(project, "fix", file.name, "--budget", "15", "--write")
    assert written.returncode == 0, written.stderr
    assert file.read_text() == before.replace("(images).detach()", "(images)")
    again = gradcheck(project, "diagnose", file.name)
    assert again.returncode == 0, again.stdout


@pytest.mark.slow
@pytest.mark.heavy
def test_the_command_says_when_only_the_data_can_help(project: Path) -> None:
    file = copied(project, "degenerate_data")
    said = gradcheck(project, "fix", file.name, "--budget", "5", "--write")
    assert said.returncode == 1, said.stderr
    assert "the data must be repaired" in said.stderr
    assert file.read_bytes() == (FOLDER / file.name).read_bytes()


@pytest.mark.heavy
def test_fix_reads_the_config_and_loads_what_diagnose_loads(project: Path) -> None:
    copied(project, "detached_encoder")
    (project / "gradcheck.yaml").write_text("model: detached_encoder.py\nsteps: 30\nbudget: 8\n")
    shown = gradcheck(project, "fix", "--verify-on", "16")
    assert shown.returncode == 0, shown.stderr
    assert count(shown.stdout, "-") == count(shown.stdout, "+") == 1
    unknown = gradcheck(project, "fix", "--weights", "nowhere.pt")
    assert unknown.returncode == 2
    assert "nowhere.pt" in unknown.stderr


def test_fix_asks_which_model_where_a_config_names_none_or_several(project: Path) -> None:
    nothing = gradcheck(project, "fix")
    assert nothing.returncode == 2
    assert "say gradcheck fix MODEL" in nothing.stderr
    several = "models:\n  - {name: one, model: a.py}\n  - {name: two, model: b.py}\n"
    (project / "gradcheck.yaml").write_text(several)
    many = gradcheck(project, "fix")
    assert many.returncode == 2
    assert "several models (one, two)" in many.stderr
