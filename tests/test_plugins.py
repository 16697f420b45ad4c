"""What other packages add is used like our own; a package that fails costs only itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.test_edge import gradcheck

EXAMPLE = Path(__file__).parent / "plugin_example"


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the example package beside nothing else, as pip does it, and return where."""
    folder = tmp_path_factory.mktemp("acme")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(folder)]
    done = subprocess.run([*pip, *alone, str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def planted(folder: Path, group: str, value: str, code: str = "") -> Path:
    """Make what pip leaves of a package `bad` that adds `value` to a group."""
    (folder / "bad.py").write_text(code)
    info = folder / "bad-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\nodd = {value}\n")
    return folder


def test_the_version_names_every_plugin_and_its_package(acme: Path) -> None:
    said = gradcheck("--version", "--verbose", PYTHONPATH=str(acme)).stdout
    for kind in ("rules", "causes", "remedies", "renderers"):
        assert f"(gradcheck.{kind}) of acme-checks 1.0: acme_checks.{kind}:" in said


def test_a_rule_of_a_plugin_is_listed_and_explained_with_its_cause_and_remedy(acme: Path) -> None:
    assert "ACME101  jumping-loss" in gradcheck("rules", PYTHONPATH=str(acme)).stdout
    card = gradcheck("explain", "ACME101", PYTHONPATH=str(acme)).stdout
    for piece in ("jump = 1.5", "step-too-bold", "tenth-of-the-rate"):
        assert piece in card


def test_cards_of_a_plugins_remedy_are_read_without_torch(acme: Path) -> None:
    code = (
        "import sys; sys.argv = ['gradcheck', 'explain', 'tenth-of-the-rate']\n"
        "from gradcheck_cli.cli.app import main\n"
        "code = main()\n"
        "sys.exit(99 if 'torch' in sys.modules else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{acme}:{EXAMPLE.parents[1]}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "tenth-of-the-rate  fix, safe")


@pytest.mark.heavy
def test_a_plugin_finds_explains_treats_and_writes(acme: Path, tmp_path: Path) -> None:
    done = gradcheck(
        *("diagnose", "train.py:build_model", "--data", "train.py:make_data"),
        *("--loss", "mse_loss", "--optimizer", "train.py:make_optimizer", "--device", "cpu"),
        *("--budget", "5", "--output", f"yaml:{tmp_path}/r.yaml"),
        *("--output", f"oneline:{tmp_path}/r.oneline", "--ignore", "GC402,GC403"),
        *("--output", f"sarif:{tmp_path}/r.sarif"),
        cwd=EXAMPLE,
        PYTHONPATH=str(acme),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert done.returncode == 0, done.stderr  # a warning is below --fail-on error
    report = yaml.safe_load((tmp_path / "r.yaml").read_text())
    [finding] = [f for f in report["findings"] if f["code"] == "ACME101"]
    assert finding["severity"] == "warning"
    [cause] = [c for c in report["causes"] if c["name"] == "step-too-bold"]
    assert cause["explains"] == ["ACME101"]
    [fix] = [f for f in report["fixes"] if f["name"] == "tenth-of-the-rate"]
    assert fix["verification"]["status"] != "not-run"
    assert "jumping-loss" in (tmp_path / "r.oneline").read_text()
    [run] = json.loads((tmp_path / "r.sarif").read_text())["runs"]
    [about] = [r for r in run["tool"]["driver"]["rules"] if r["id"] == "ACME101"]
    assert "The loss jumps up again and again" in json.dumps(about)
    assert "ACME101" in {result["ruleId"] for result in run["results"]}


@pytest.mark.heavy
def test_a_plugins_rule_obeys_the_gate_and_its_thresholds(acme: Path, tmp_path: Path) -> None:
    asked = ("diagnose", "train.py:build_model", "--data", "train.py:make_data", "--no-verify")
    asked += ("--loss", "mse_loss", "--optimizer", "train.py:make_optimizer", "--device", "cpu")
    asked += ("--select", "ACME", "--output", f"yaml:{tmp_path}/r.yaml")
    run = {"cwd": EXAMPLE, "PYTHONPATH": str(acme), "PYTHONDONTWRITEBYTECODE": "1"}
    strict = gradcheck(*asked, "--severity", "ACME101=error", **run)
    assert strict.returncode == 1, strict.stderr
    lax = gradcheck(*asked, "--rule", "ACME101.share=0.9", **run)
    assert lax.returncode == 0, lax.stderr
    names = [f["name"] for f in yaml.safe_load((tmp_path / "r.yaml").read_text())["findings"]]
    assert "jumping-loss" not in names


@pytest.mark.parametrize(
    ("value", "code", "why"),
    [
        ("bad:thing", "raise OSError('no license')", "OSError: no license"),
        ("bad:thing", "", "AttributeError"),
        ("absent:thing", "", "ModuleNotFoundError: No module named 'absent'"),
        ("bad:thing", "thing = 3", "bad:thing is int, not Rule"),
        (
            "bad:thing",
            "from gradcheck_cli.rules import vanishing_gradient as thing",
            "'gc101' is taken already, by gradcheck",
        ),
    ],
)
def test_a_broken_rule_costs_only_itself_and_is_said(
    tmp_path: Path, value: str, code: str, why: str
) -> None:
    planted(tmp_path, "gradcheck.rules", value, code)
    done = gradcheck("rules", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert "GC101" in done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith("warning: plugin odd (gradcheck.rules) of bad 2.0 failed")
    assert why in line


def test_a_rule_that_could_not_look_is_no_clean_bill(tmp_path: Path) -> None:
    planted(tmp_path, "gradcheck.rules", "bad:thing", "raise OSError('no license')")
    done = gradcheck(
        *("diagnose", "sample_models/deep_sigmoid.py:healthy_model", "--device", "cpu"),
        *("--output", f"yaml:{tmp_path}/r.yaml"),
        cwd=EXAMPLE.parents[1],
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 3, "not all was judged, and no code of ours failed"
    report = yaml.safe_load((tmp_path / "r.yaml").read_text())
    assert report["verdict"] == "unsure"
    assert [c["where"] for c in report["crashed"]] == ["plugin odd (gradcheck.rules) of bad 2.0"]
    assert "a broken plugin: OSError: no license" in " ".join(done.stdout.split())


RAISING_RULE = """
from gradcheck_cli.rules.base import Rule
def judge(trace):
    "Too clever."
    RAISE
thing = Rule("BAD1", "too-clever", judge)
"""
RAISING_CAUSE = """
from gradcheck_cli.causes.base import CauseRule
def weigh(evidence):
    "Too clever."
    raise ZeroDivisionError("oh")
thing = CauseRule("bad-cause", ("vanishing-gradient",), weigh)
"""
RAISING_FORMAT = """
from gradcheck_cli.renderers.formats import Format
def write(report, cards):
    raise ZeroDivisionError("oh")
thing = Format("odd", (), write, "none")
"""


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("raise ZeroDivisionError('oh')", "ZeroDivisionError: oh"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import os; os._exit(0)", "HardExit: 0"),
    ],
)
def test_a_plugins_rule_that_raises_is_put_down_to_the_plugin_and_is_no_bug_of_ours(
    tmp_path: Path, ends: str, said: str
) -> None:
    planted(tmp_path, "gradcheck.rules", "bad:thing", RAISING_RULE.replace("RAISE", ends))
    done = gradcheck(
        *(
            "diagnose",
            "sample_models/deep_sigmoid.py:healthy_model",
            "--device",
            "cpu",
            "--no-verify",
        ),
        *("--output", f"yaml:{tmp_path}/r.yaml"),
        cwd=EXAMPLE.parents[1],
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 3, "not all was judged, and no code of ours failed"
    [crash] = yaml.safe_load((tmp_path / "r.yaml").read_text())["crashed"]
    assert crash["where"] == "plugin odd (gradcheck.rules) of bad 2.0: rule BAD1 too-clever"
    told = " ".join(done.stdout.split())
    assert "a broken plugin: " in told
    assert said in told
    assert "a bug in gradcheck" not in done.stdout


def test_a_plugins_rule_that_raises_takes_no_finding_of_ours_with_it(tmp_path: Path) -> None:
    raises = "raise ZeroDivisionError('oh')"
    planted(tmp_path, "gradcheck.rules", "bad:thing", RAISING_RULE.replace("RAISE", raises))
    done = gradcheck(
        *("diagnose", "sample_models/deep_sigmoid.py", "--device", "cpu", "--no-verify"),
        cwd=EXAMPLE.parents[1],
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 1, done.stderr
    assert "plugin odd (gradcheck.rules) of bad 2.0: rule BAD1" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("group", "code", "exit_code"),
    [("gradcheck.causes", RAISING_CAUSE, 0), ("gradcheck.renderers", RAISING_FORMAT, 3)],
)
def test_a_plugins_cause_or_format_that_raises_costs_only_itself(
    tmp_path: Path, group: str, code: str, exit_code: int
) -> None:
    planted(tmp_path, group, "bad:thing", code)
    odd = ("--output", f"odd:{tmp_path}/r.odd") if exit_code else ()
    done = gradcheck(
        *("diagnose", "sample_models/deep_sigmoid.py", "--device", "cpu", "--no-verify"),
        *("--fail-on", "never", "--output", f"yaml:{tmp_path}/r.yaml", *odd),
        cwd=EXAMPLE.parents[1],
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == exit_code, done.stderr
    report = yaml.safe_load((tmp_path / "r.yaml").read_text())
    assert report["causes"], "our own causes are ranked"
    told = " ".join((done.stdout + done.stderr).split())
    assert f"plugin odd ({group}) of bad 2.0: " in told
    assert "failed, a broken plugin: ZeroDivisionError: oh" in told
    assert "Traceback" not in done.stderr


def test_a_broken_format_is_named_where_it_is_asked_for(tmp_path: Path) -> None:
    planted(tmp_path, "gradcheck.renderers", "bad:thing", "raise OSError('no license')")
    done = gradcheck("diagnose", "x.py", "--output", "odd", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "there is no format 'odd'" in done.stderr
    assert "plugin odd (gradcheck.renderers) of bad 2.0 failed" in done.stderr


def test_asking_for_help_imports_no_plugin(tmp_path: Path) -> None:
    for group in ("rules", "causes", "remedies", "renderers"):
        (tmp_path / group).mkdir()
        planted(tmp_path / group, f"gradcheck.{group}", "bad:x", "raise SystemExit(77)")
        done = gradcheck("diagnose", "--help", PYTHONPATH=str(tmp_path / group))
        assert done.returncode == 0
