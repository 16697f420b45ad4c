"""What happens to a finished report: where it is written, what is shown, which code it gives."""

import json
from dataclasses import replace

import pytest

from gradcheck_cli.cli.outputs import parse
from gradcheck_cli.cli.telling import tell
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.gating import Gated
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Crash, Severity
from gradcheck_cli.records.yamlfile import dumps, read
from tests.support import a_report

SICK, HEALTHY = a_report.sick(), a_report.healthy()
INTERRUPTED = replace(SICK, run=replace(SICK.run, interrupted=True))
NOTED = replace(SICK, findings=(replace(SICK.findings[0], severity=Severity.NOTE),))
CRASHED = replace(HEALTHY, crashed=(Crash("rule GC999", "boom"),))


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        (HEALTHY, Severity.NOTE, ExitCode.OK),
        (SICK, Severity.ERROR, ExitCode.FINDINGS),
        (SICK, None, ExitCode.OK),
        (NOTED, Severity.WARNING, ExitCode.OK),
        (NOTED, Severity.NOTE, ExitCode.FINDINGS),
        (INTERRUPTED, None, ExitCode.INTERRUPTED),
        (CRASHED, Severity.ERROR, ExitCode.BUG),
        (a_report.empty(), None, ExitCode.CANNOT_DIAGNOSE),
    ],
)
def test_the_exit_code(report, fail_on, code) -> None:
    assert Gated(report, Policy(fail_on=fail_on)).code is code


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (SICK, ExitCode.OK),
        (INTERRUPTED, ExitCode.INTERRUPTED),
        (CRASHED, ExitCode.BUG),
        (a_report.empty(), ExitCode.CANNOT_DIAGNOSE),
    ],
)
def test_exit_zero_forgives_findings_and_nothing_else(report, code) -> None:
    assert Gated(report, Policy(fail_on=Severity.NOTE, exit_zero=True)).code is code


def test_a_machine_format_has_stdout_to_itself(capsys) -> None:
    tell(SICK, parse(["yaml"]), quiet=False)
    shown = capsys.readouterr()
    assert shown.out == dumps(SICK)
    assert "PROBLEMS FOUND" in shown.err


def test_without_outputs_the_page_is_on_stdout(capsys) -> None:
    tell(SICK, parse([]), quiet=False)
    shown = capsys.readouterr()
    assert "PROBLEMS FOUND" in shown.out
    assert shown.err == ""


def test_text_on_stdout_is_not_said_twice(capsys) -> None:
    tell(SICK, parse(["text"]), quiet=False)
    assert capsys.readouterr().out.count("PROBLEMS FOUND") == 1


def test_files_are_written_and_named(tmp_path, capsys) -> None:
    tell(SICK, parse([f"yaml:{tmp_path}/r.yaml", f"json:{tmp_path}/r.json"]), quiet=False)
    shown = capsys.readouterr()
    assert "PROBLEMS FOUND" in shown.out
    assert f"wrote {tmp_path}/r.yaml" in shown.err
    assert dumps(read(tmp_path / "r.yaml")) == dumps(SICK)
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "sick"


def test_quiet_leaves_the_headline(capsys) -> None:
    tell(SICK, parse([]), quiet=True)
    shown = capsys.readouterr()
    assert shown.out == f"sick: {SICK.headline}\n"
    assert shown.err == ""
