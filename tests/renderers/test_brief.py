"""The brief: short, stable, and enough to act on."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from gradcheck_cli.cli.app import app
from gradcheck_cli.records.diagnosis import DECLINED, Basis, Status, Verification
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.yamlfile import dumps
from gradcheck_cli.renderers.brief import CUT, LONGEST, TOO_LONG, render, render_json
from tests.support import a_report
from tests.support.hostile import STRINGS, poisoned


def long() -> Report:
    """A report whose every part is far longer than a brief may be."""
    report = a_report.sick(200)
    words = "word " * 2000
    findings = tuple(replace(f, message=words) for f in report.findings * 20)
    causes = tuple(replace(c, reasons=(words,) * 20) for c in report.causes)
    fixes = tuple(replace(f, summary=words, diff="+x = 1\n" * 5000) for f in report.fixes)
    return replace(report, headline=words, findings=findings, causes=causes, fixes=fixes)


@pytest.fixture(scope="module")
def schema() -> dict[str, object]:
    done = CliRunner().invoke(app, ["schema", "brief"])
    assert done.exit_code == 0
    return json.loads(done.stdout)


@pytest.mark.parametrize("report", [a_report.sick(), a_report.healthy(), a_report.empty(), long()])
def test_a_brief_keeps_to_2000_tokens_and_fits_its_schema(
    report: Report, schema: dict[str, object]
) -> None:
    text, as_json = render(report), render_json(report)
    assert len(text.encode()) <= LONGEST
    assert len(as_json.encode()) <= LONGEST
    jsonschema.validate(json.loads(as_json), schema)


@pytest.mark.parametrize("string", STRINGS)
def test_hostile_names_make_no_brief_longer_than_it_may_be(string: str) -> None:
    report = poisoned(a_report.sick(), string * 50)
    assert len(render(report).encode()) <= LONGEST
    assert len(render_json(report).encode()) <= LONGEST


def test_it_names_the_finding_with_its_limit_the_cause_and_the_proven_change() -> None:
    text = render(a_report.sick())
    assert "# gradcheck: sick" in text
    assert "GC101 vanishing-gradient" in text
    assert "1.6e-6 ratio (limit 0.001 ratio)" in text
    assert "## Cause: saturating-activation" in text
    assert "## Fix (verified): swap-activation" in text
    assert "held-out loss 86% lower than the control's over 2 seeds" in text
    assert "+    nn.LeakyReLU()," in text


def test_a_fix_that_was_not_tried_says_why() -> None:
    report = a_report.sick()
    untried = replace(report.fixes[0], verification=Verification(reason="declined"))
    said = json.loads(render_json(replace(report, fixes=(untried,))))
    assert said["fix"]["status"] == Status.NOT_RUN.value
    assert said["fix"]["proof"] == "declined"


def test_half_a_diff_is_never_shown_and_code_that_is_too_long_is_cut_at_a_line() -> None:
    said = json.loads(render_json(long()))
    assert said["fix"]["kind"] == "code"
    assert said["fix"]["by_hand"] == TOO_LONG
    assert said["next"] == long().next_steps[0]
    code = replace(long().fixes[0], diff="", code="x = 1\n" * 5000)
    change = json.loads(render_json(replace(long(), fixes=(code,))))["fix"]["change"]
    assert change.endswith(CUT)
    assert set(change.splitlines()[:-1]) == {"x = 1"}


def changed(**fix: object) -> Report:
    report = a_report.sick()
    run = replace(report.run, command="gradcheck diagnose net.py -o brief")
    return replace(report, run=run, fixes=(replace(report.fixes[0], **fix),))


def test_a_proven_diff_is_to_be_applied_and_the_same_command_to_be_run_again() -> None:
    said = json.loads(render_json(changed()))
    assert said["next"] == (
        "apply the diff above (git apply, or by editing), then run again: "
        "gradcheck diagnose net.py -o brief"
    )


def test_a_diff_that_nobody_asked_to_try_is_tried_first_unless_its_cause_is_a_fact() -> None:
    report = changed(verification=Verification(reason=DECLINED))
    assert json.loads(render_json(report))["next"] == report.next_steps[0]
    fact = (replace(report.causes[0], basis=Basis.FACT),)
    assert json.loads(render_json(replace(report, causes=fact)))["next"].startswith("apply")


def test_what_cannot_be_written_says_where_to_change_it_by_hand_and_why() -> None:
    text = render(changed(diff="", unwritten="net.py:24 builds Sigmoid through a loop"))
    assert "To be made by hand: net.py:24 builds Sigmoid through a loop." in text
    assert "Next: change sample_models/deep_sigmoid.py:24 by hand as shown above" in text


def test_a_fix_that_did_not_help_is_not_to_be_made() -> None:
    report = changed(verification=Verification(status=Status.INEFFECTIVE, reason="no effect"))
    assert json.loads(render_json(report))["next"] == report.next_steps[0]


def test_on_stdout_the_brief_stands_alone(tmp_path: Path) -> None:
    file = tmp_path / "report.yaml"
    file.write_text(dumps(a_report.sick()))
    done = CliRunner().invoke(app, ["report", str(file), "--output", "brief"])
    assert done.stdout == render(a_report.sick())
    assert not done.stderr
