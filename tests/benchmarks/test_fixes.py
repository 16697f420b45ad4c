"""How the results of trying fixes are counted, and that a stopped run goes on."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.as_scripts import in_turn, summary, written
from benchmarks.cases import CASES
from benchmarks.fixes import chosen
from benchmarks.fixes_text import Result, counted, document, lines, met
from tests.support.processes import ROOT, python


def result(name: str, **facts: object) -> Result:
    told: dict[str, object] = {"half": "fresh", "label": "vanishing", "planted": "init-too-small"}
    return Result(case=name, **{**told, **facts})


CURED = result("cured", status="verified", learns=True, curable=True, first="initialize: Draw.")
MISSED = result("missed", status="ineffective", curable=True, first="add-residual: Add.")
BEYOND = result("beyond", status="verified", claimed=0.6, measured=0.05, first="initialize: Draw.")
DATA = result("data", planted="labels-without-signal")
HEALTHY = result("healthy", label="healthy", planted="none")
FAILED = result("failed", error="ValueError: no")


def test_a_case_counts_when_something_is_known_to_help_it() -> None:
    said = counted([CURED, MISSED, BEYOND, DATA, HEALTHY, FAILED])
    assert said.sick == (CURED, MISSED, FAILED)
    assert (said.beyond, said.data, said.healthy) == ((BEYOND,), (DATA,), (HEALTHY,))
    assert said.cured == (CURED,)


def test_a_claim_that_did_not_hold_is_shown_wherever_it_was_made() -> None:
    shown = "\n".join(lines([CURED, BEYOND]))
    assert "true on new seeds: 1/2 = 50.0%" in shown
    assert "called verified, did not hold: beyond" in shown
    assert "claimed +60% measured +5%" in shown


@pytest.mark.parametrize(
    ("results", "reached"),
    [
        ([CURED] * 19 + [MISSED], True),
        ([CURED] * 18 + [MISSED] * 2, False),
        ([CURED] * 19 + [FAILED], True),
        ([CURED, result("offered", label="healthy", offered=1)], False),
    ],
)
def test_the_goal_is_95_in_100_and_no_fix_for_a_healthy_model(
    results: list[Result], reached: bool
) -> None:
    assert met(results) is reached


def test_the_page_names_every_failure() -> None:
    page = document([CURED, MISSED, BEYOND, DATA, HEALTHY], "python -m benchmarks.fixes --every 3")
    assert "| fresh | 1/2 = 50.0% | 1/2 = 50.0% |" in page
    assert "- not cured: missed (init-too-small): add-residual: Add." in page
    assert "Healthy cases that are offered a fix: 0/1 = 0.0%." in page
    assert "Written by `python -m benchmarks.fixes --every 3`" in page


@pytest.mark.heavy
def test_what_an_earlier_run_found_is_not_run_again(tmp_path: Path) -> None:
    case = chosen("", "development", ["healthy"])[0]
    known = result(case.name, label="healthy", planted="none", offered=3, found=("made-up",))
    kept = tmp_path / "kept.jsonl"
    kept.write_text(json.dumps(asdict(known)) + "\n")
    options = ("--kept", str(kept), "--only", case.name, "--every", "1000")
    again = python(ROOT, "-m", "benchmarks.fixes", *options)
    assert again.returncode == 0, again.stderr
    assert f"healthy, offered: {case.name}: made-up" in again.stdout
    assert len(kept.read_text().splitlines()) == 1


def test_cases_in_turn_begin_with_one_of_each_kind() -> None:
    cases = [c for c in CASES if c.scored and c.label != "healthy"]
    kinds = {c.cause for c in cases}
    assert {c.cause for c in in_turn(cases)[: len(kinds)]} == kinds
    assert sorted(c.name for c in in_turn(cases)) == sorted(c.name for c in cases)


def test_every_case_can_be_written_as_a_script(tmp_path: Path) -> None:
    for case in CASES[::40]:
        text = written(case, tmp_path).read_text()
        compile(text, case.name, "exec")
        assert ('["loss"]' in text) == (case.recipe.loss is None)


def test_what_was_not_played_is_named() -> None:
    played = result("played", made="replayed", offered=1)
    not_played = result("odd", obstacle="the loss went through numpy", offered=1)
    shown = list(summary([played, not_played, HEALTHY]))
    assert "bit for bit: 1/2" in shown[0]
    assert shown[1] == "  not played: odd: the loss went through numpy"
