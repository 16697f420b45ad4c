"""Findings are the same by rule and layers; noise changes nothing, real changes are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from gradcheck_cli.comparing import accept, compare, compare_reports, differences
from gradcheck_cli.errors import UsageError
from gradcheck_cli.records import baseline
from gradcheck_cli.records.finding import Evidence, Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.renderers.comparison import as_json, as_markdown, as_text
from tests.support import a_report
from tests.support.hostile import STRINGS

BEFORE = a_report.sick()
FIRST = BEFORE.findings[0]


def with_first(**changes: object) -> Report:
    """The sick report with a changed first finding."""
    return replace(BEFORE, findings=(replace(FIRST, **changes), *BEFORE.findings[1:]))


def measured(value: float) -> dict[str, object]:
    """Evidence with this number against a limit of 1e-3."""
    return {"evidence": (Evidence("gradient relative to the strongest layer", value, 1e-3),)}


def test_a_report_has_not_changed_from_itself() -> None:
    found = compare_reports(BEFORE, BEFORE)
    assert len(found.same) == 2
    assert not (found.new)
    assert not (found.worse)
    assert not (found.better)
    assert not (found.gone)
    assert not (found.regressed)


@pytest.mark.parametrize(
    "changes",
    [
        {"at": SourceSite("elsewhere.py", 999)},
        {"message": "other words", "first_step": 7},
        measured(1.6e-6 * 2),
        measured(1.6e-6 / 2),
        {"layers": FIRST.layers[:-1]},
        {"layers": (*FIRST.layers, "net.10")},
        {"layers": tuple(f"module.{path}" for path in FIRST.layers)},
        {"layers": tuple(f"_orig_mod.{path}" for path in FIRST.layers)},
    ],
)
def test_moved_lines_wrappers_and_noise_are_no_change(changes: dict[str, object]) -> None:
    found = compare_reports(BEFORE, with_first(**changes))
    assert len(found.same) == 2, found


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (measured(1e-8), "worse: 5.0 decades beyond the limit, 2.8 before"),
        ({"layers": tuple(f"net.{2 * i}" for i in range(9))}, "worse: 9 layers, 5 before"),
    ],
)
def test_what_got_worse_is_told_with_the_reason(changes: dict[str, object], why: str) -> None:
    [pair] = compare_reports(BEFORE, with_first(**changes)).worse
    assert pair.why == why
    [pair] = compare_reports(with_first(**changes), BEFORE).better
    assert pair.why.startswith("better")


def test_a_graver_severity_is_worse() -> None:
    milder = with_first(severity=Severity.WARNING)
    [pair] = compare_reports(milder, BEFORE).worse
    assert pair.why == "worse: warning before, error now"


def test_new_and_gone_are_told_apart() -> None:
    elsewhere = with_first(layers=("head.0",))
    found = compare_reports(BEFORE, elsewhere)
    assert [f.layers for f in found.new] == [("head.0",)]
    assert [a.layers for a in found.gone] == [FIRST.layers]
    assert found.regressed == found.new


def test_each_old_finding_is_matched_once_and_by_the_most_layers() -> None:
    low, high = (replace(FIRST, layers=x) for x in (("a", "b", "c"), ("c", "d", "e")))
    before = replace(BEFORE, findings=(low, high))
    after = replace(BEFORE, findings=(high, low, replace(FIRST, layers=("c",))))
    found = compare_reports(before, after)
    assert len(found.same) == 2
    assert [f.layers for f in found.new] == [("c",)]


def test_findings_of_two_models_are_not_mixed_up() -> None:
    other = with_first(subject="discriminator")
    assert len(compare_reports(BEFORE, other).new) == 1


def test_a_different_measurement_is_mentioned() -> None:
    other = replace(BEFORE, run=replace(BEFORE.run, seed=1, steps=100))
    assert list(differences(BEFORE, other)) == [
        "seed: 0 before, 1 now",
        "steps: 50 before, 100 now",
    ]


def test_a_baseline_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "b.yaml"
    entries = tuple(accept(f) for f in BEFORE.findings)
    baseline.write(entries, path)
    assert len(compare(baseline.read(path), BEFORE).same) == 2
    text = path.read_text()
    for unstable in ("\nline", "1.6e-06", "measured", "message"):
        assert f"{unstable}:" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a gradcheck baseline"),
        ("schema: 1\nverdict: sick", "expected a gradcheck baseline"),
        ("baseline: 2", "expected version 1"),
        ("baseline: 1\nfindings: 3", "expected a list"),
        ("baseline: 1\nfindings: [{code: GC101}]", "expected the key 'name'"),
    ],
)
def test_a_wrong_baseline_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "b.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        baseline.read(path)


def changed() -> Report:
    """One new, one worse, one gone."""
    new: Finding = replace(
        FIRST, code="GC202", name="saturated-activation", message="40 % are flat."
    )
    return replace(BEFORE, findings=(replace(FIRST, **measured(1e-8)), new))


@pytest.mark.parametrize(
    ("shape", "suffix"), [(as_text, "txt"), (as_markdown, "md"), (as_json, "json")]
)
def test_the_comparison_is_the_golden_one(golden, shape, suffix: str) -> None:
    golden(
        f"comparison.{suffix}",
        shape(compare_reports(BEFORE, changed()), ("seed: 0 before, 1 now",)),
    )


@pytest.mark.parametrize("string", STRINGS)
def test_hostile_names_stay_text_in_comparisons(string: str) -> None:
    bad = with_first(layers=(string,), message=string, name=string)
    found = compare_reports(BEFORE, bad)
    assert not [c for c in as_text(found, (string,)) if ord(c) < 32 and c != "\n"]
    rows = [x for x in as_markdown(found, (string,)).splitlines() if x.startswith("| ")]
    assert {row.count("|") for row in rows} == {5}
    assert as_json(found).isascii()
