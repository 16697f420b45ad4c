"""The gate of a config, as diagnose uses it and as config shows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gradcheck_cli.cli.options import as_settings
from gradcheck_cli.errors import UsageError
from gradcheck_cli.policy import ModuleIgnore
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.yamlfile import read
from gradcheck_cli.settings import load
from tests.cli.test_edge import gradcheck

STUCK = """
import torch
from torch import nn
def build_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
data = torch.randn(64, 4), torch.randint(3, (64,))
"""
BASE = "model: m.py\nverify: false\nsteps: 4\nbatch_size: 16\nlr: 1e-12\noutput: ['yaml:r.yaml']\n"


def project(folder: Path, config: str) -> Path:
    """Write a model that does not move, and a config."""
    (folder / "m.py").write_text(STUCK)
    (folder / "gradcheck.yaml").write_text(BASE + config)
    return folder


def diagnosed(folder: Path, *args: str) -> tuple[int, list[tuple[str, str]], str]:
    """Return the exit code, codes and severities of the findings, and what was said on stderr."""
    done = gradcheck("diagnose", *args, cwd=folder)
    report = folder / "r.yaml"
    found = read(report).findings if report.exists() else ()
    return done.returncode, [(f.code, f.severity.value) for f in found], done.stderr


@pytest.mark.heavy
def test_severity_and_exit_zero_of_the_file_decide_the_exit_code(tmp_path) -> None:
    project(tmp_path, "fail_on: note\n")
    code, found, _ = diagnosed(tmp_path)
    assert code == 1
    assert "GC401" in dict(found)
    project(tmp_path, "fail_on: warning\nselect: [GC401]\nrules: {GC401: {severity: note}}\n")
    assert diagnosed(tmp_path)[:2] == (0, [("GC401", "note")])
    assert diagnosed(tmp_path, "--severity", "GC401=error")[:2] == (1, [("GC401", "error")])
    project(tmp_path, "select: [GC401]\nrules: {GC401: {severity: error}}\nexit-zero: true\n")
    assert diagnosed(tmp_path)[0] == 0
    assert diagnosed(tmp_path, "--no-exit-zero")[0] == 1


def test_ignores_of_the_file_and_of_the_command_line_add_up(tmp_path) -> None:
    project(
        tmp_path,
        "fail_on: note\nignore: [GC4]\nper-module-ignores:\n"
        "- {modules: 'no.*', rules: GC101, reason: not there}\n",
    )
    code, found, said = diagnosed(tmp_path, "--ignore", "GC1,GC2,GC3,GC5,GC6,GC7")
    assert (code, found) == (0, [])
    assert "the ignore of GC101 in no.* matched nothing" in said


@pytest.mark.heavy
def test_thresholds_reach_the_rules(tmp_path) -> None:
    project(tmp_path, "select: [GC401]\nrules: {GC401: {ratio: 0, lost: 1}}\n")
    assert diagnosed(tmp_path)[1] == []
    _, found, _ = diagnosed(tmp_path, "--rule", "GC401.ratio=1e-5", "--rule", "GC401.lost=0.5")
    assert [code for code, _ in found] == ["GC401"]


def test_an_unknown_threshold_is_one_line_and_nothing_is_run(tmp_path) -> None:
    project(tmp_path, "rules: {GC401: {ration: 0}}\n")
    code, _, said = diagnosed(tmp_path)
    assert code == 2
    assert said.startswith("error: gradcheck.yaml:7:25: GC401 update-too-small has no threshold")
    assert said.count("\n") == 1
    assert not (tmp_path / "r.yaml").exists()


@pytest.mark.heavy
def test_a_baseline_of_the_file_accepts_what_is_known(tmp_path) -> None:
    project(tmp_path, "fail_on: note\n")
    assert diagnosed(tmp_path)[0] == 1
    gradcheck("baseline", "write", "r.yaml", "--baseline", "known.yaml", cwd=tmp_path)
    project(tmp_path, "fail_on: note\nbaseline: known.yaml\n")
    code, _, said = diagnosed(tmp_path)
    assert code == 0
    assert "accepted by known.yaml" in said
    (tmp_path / "known.yaml").unlink()
    assert diagnosed(tmp_path)[0] == 2


def test_config_shows_the_gate_and_where_it_comes_from(tmp_path) -> None:
    project(tmp_path, "extend-ignore: GC4\nrules:\n  stalled-loss: {least_steps: 5}\n")
    lines = gradcheck("config", cwd=tmp_path).stdout.splitlines()
    shown = {line.split()[0]: line for line in lines}
    assert '["GC4"]' in shown["extend_ignore"]
    assert shown["extend_ignore"].split()[-1] == "gradcheck.yaml:7"
    assert '{"GC403": {"least_steps": 5}}' in shown["rules"]
    assert shown["select"].split()[-1] == "default"


NOTHING: Mapping[str, Any] = dict.fromkeys(
    "select extend_select ignore extend_ignore per_module_ignores severity rules baseline "
    "exit_zero".split()
)


def test_options_that_were_not_given_say_nothing() -> None:
    assert set(as_settings(NOTHING).values()) == {None}


def test_options_become_the_policy_and_the_thresholds(tmp_path) -> None:
    said = as_settings(
        {
            **NOTHING,
            "select": ["GC1, GC2"],
            "extend_ignore": ["GC7"],
            "per_module_ignores": ["head.*=GC101:frozen"],
            "severity": ["gc101=note"],
            "rules": ["GC101.wall=0.1", "gc202.severity=error", "GC403.least-steps=7"],
        }
    )
    policy = load({name: x for name, x in said.items() if x}, environ={}, folder=tmp_path).policy
    assert policy.select == ("GC1", "GC2")
    assert policy.ignore == ("GC7",)
    assert policy.per_module == (ModuleIgnore(("head.*",), ("GC101",), "frozen"),)
    assert dict(policy.severities) == {"GC101": Severity.NOTE, "GC202": Severity.ERROR}
    assert policy.thresholds == {"GC101": {"wall": 0.1}, "GC403": {"least_steps": 7}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GC101", "expected CODE.NAME=VALUE"),
        ("GC101=1", "expected CODE.NAME=VALUE"),
        ("GC101.=1", "expected CODE.NAME=VALUE"),
        ("GC101.wall=", "should be a number from 0"),
        ("GC101.wall=-1", "should be a number from 0"),
        ("GC101.severity=fatal", "expected CODE=error, warning or note"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        as_settings({**NOTHING, "rules": [text]})
