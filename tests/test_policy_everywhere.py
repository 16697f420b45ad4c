"""One policy in every verb: what a config ignores, raises or loosens counts the same everywhere."""

from pathlib import Path

import torch
from torch import nn
from typer.testing import CliRunner

from gradcheck_cli import pipeline, verifying
from gradcheck_cli.causes import base as causes
from gradcheck_cli.cli.app import app
from gradcheck_cli.diagnosing import diagnose
from gradcheck_cli.fixing import fix
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.verifying import arms
from gradcheck_cli.watching import watch
from tests.test_judging_again import deep, target

QUICK = Policy(budget=0.0, examine="none")
CONFIG = "ignore: [{codes}]\nverify: false\nexamine: none\n"


def watched(policy: Policy | None = None) -> Report:
    """Return the report on a loop over the sigmoid network."""
    model, points = deep(nn.Sigmoid), torch.randn(32, 16)
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    with watch(model, optimizer, policy=policy) as seen:
        for _ in range(24):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(points), points[:, :3].argmax(1)).backward()
            optimizer.step()
    return seen.report()


SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
layers = [part for _ in range(9) for part in (nn.Linear(16, 16), nn.Sigmoid())]
model = nn.Sequential(*layers, nn.Linear(16, 3))
points = torch.randn(32, 16)
optimizer = torch.optim.SGD(model.parameters(), 1e-2)
for _ in range(24):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(points), points[:, :3].argmax(1)).backward()
    optimizer.step()
"""


def test_a_config_reaches_diagnose_fix_and_watch(project: Path) -> None:
    sick = watched(Policy())
    found = diagnose(target(nn.Sigmoid), 24, policy=Policy(verify=False, examine="none"))
    assert sick.verdict is found.verdict is Verdict.SICK
    codes = {f.code for f in (*sick.findings, *found.findings)}
    (project / "gradcheck.yaml").write_text(CONFIG.format(codes=", ".join(sorted(codes))))
    for report in (
        watched(),
        diagnose(target(nn.Sigmoid), 24),
        fix(target(nn.Sigmoid), 24).report,
    ):
        assert (report.verdict, report.findings, report.causes, report.fixes) == (
            Verdict.HEALTHY,
            (),
            (),
            (),
        )
        assert report.headline.startswith("Nothing wrong beyond what is left out")


def test_a_config_reaches_run_as_its_options_do(project: Path) -> None:
    (project / "train.py").write_text(SCRIPT)
    codes = ",".join(f.code for f in watched(Policy()).findings)
    runner = CliRunner()
    arguments = ["run", "-q", "-o", "yaml:r.yaml"]
    assert runner.invoke(app, [*arguments, "train.py"]).exit_code == 1
    given = runner.invoke(app, [*arguments, "--ignore", codes, "train.py"])
    assert (given.exit_code, read(project / "r.yaml").findings) == (0, ())
    (project / "gradcheck.yaml").write_text(CONFIG.format(codes=codes))
    assert runner.invoke(app, [*arguments, "train.py"]).exit_code == 0
    assert read(project / "r.yaml").verdict is Verdict.HEALTHY


def test_a_severity_changes_verdict_headline_and_exit_alike() -> None:
    found = watched(Policy())
    notes = tuple((f.code, Severity.NOTE) for f in found.findings)
    calm = watched(Policy(severities=notes))
    assert calm.verdict is Verdict.HEALTHY
    assert calm.headline == "Nothing wrong beyond what is left out (by severity)."
    assert not calm.fails(Severity.WARNING)
    assert calm.fixes == ()


def test_the_arms_of_a_trial_are_judged_by_the_same_policy(monkeypatch) -> None:
    given = []

    def prove(target, proposals, **options):
        given.append(options["policy"])
        return tuple(proposals)

    monkeypatch.setattr(verifying, "prove", prove)
    policy = Policy(ignore=("GC4",), examine="none")
    report = diagnose(target(nn.Sigmoid), 24, policy=policy)
    assert report.fixes
    assert given == [policy]
    codes = {}
    for judged_by in (Policy(), Policy(ignore=("GC1",))):
        run = arms.start(target(nn.Sigmoid), (), 0, 24, judged_by)
        arms.advance(run, 24)
        codes[judged_by.ignore] = {f.code for f in run.findings}
    assert codes["GC1",] == {c for c in codes[()] if not c.startswith("GC1")} < codes[()]


def test_a_cause_that_raises_costs_itself_in_every_verb(monkeypatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("no cause")

    rule = causes.CauseRule(
        name="broken-cause",
        explains=("vanishing-gradient", "update-too-small", "stalled-loss"),
        function=broken,
        distinguish="",
    )
    rank = pipeline.rank
    monkeypatch.setattr(pipeline, "rank", lambda *a, **k: rank(*a, **k, causes=(rule,)))
    for report in (watched(Policy()), fix(target(nn.Sigmoid), 24, policy=QUICK).report):
        assert any("broken-cause" in crash.where for crash in report.crashed)
        assert report.verdict is Verdict.SICK
