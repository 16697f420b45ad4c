"""Which findings count: selection by prefix, layers ignored with a reason, other severities."""

from dataclasses import replace

import pytest

from gradcheck_cli.errors import UsageError
from gradcheck_cli.gating import Gated, gate
from gradcheck_cli.policy import (
    ModuleIgnore,
    Policy,
    check_rules,
    parse_module_ignore,
    parse_severity,
)
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.report import Report, Verdict
from tests.support import a_report

SICK = a_report.sick()  # GC101 vanishing-gradient in net.0 ... net.8, GC403 stalled-loss


def gated(report: Report, policy: Policy) -> Report:
    """Return what counts of the report."""
    return gate(report, policy).report


def codes(policy: Policy) -> list[str]:
    """Return the codes that count under this policy."""
    return [f.code for f in gate(SICK, policy).report.findings]


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        (Policy(), ["GC101", "GC403"]),
        (Policy(select=("ALL",)), ["GC101", "GC403"]),
        (Policy(select=("GC1",)), ["GC101"]),
        (Policy(select=("gc403",)), ["GC403"]),
        (Policy(select=("stalled-loss",)), ["GC403"]),
        (Policy(select=("GC9",)), []),
        (Policy(ignore=("GC4",)), ["GC101"]),
        (Policy(ignore=("ALL",)), []),
        (Policy(ignore=("vanishing-gradient",)), ["GC403"]),
        (Policy(select=("GC101",), ignore=("GC1",)), ["GC101"]),
        (Policy(select=("GC1",), ignore=("GC101",)), []),
        (Policy(select=("GC1",), ignore=("GC1",)), []),
        (Policy(select=("GC9",), extend_select=("GC4",)), ["GC403"]),
    ],
)
def test_the_longest_prefix_decides_and_ignore_wins_a_tie(policy: Policy, left: list[str]) -> None:
    assert codes(policy) == left


def test_what_is_left_out_is_listed_with_the_reason() -> None:
    report = gated(SICK, Policy(ignore=("GC4",)))
    assert report.skipped[-1].code == "GC403"
    assert report.skipped[-1].reason == "found, but not selected"


def test_layers_are_ignored_by_pattern_and_the_others_still_count() -> None:
    policy = Policy(per_module=(ModuleIgnore(("net.[02]",), ("GC101",), "frozen on purpose"),))
    result = gate(SICK, policy)
    report, notes = result.report, result.notes
    assert report.findings[0].layers == ("net.4", "net.6", "net.8")
    assert notes == ()


def test_a_finding_ignored_in_all_its_layers_is_gone_with_the_reason() -> None:
    policy = Policy(per_module=(ModuleIgnore(("net.*",), ("GC1",), "frozen on purpose"),))
    report = gated(SICK, policy)
    assert [f.code for f in report.findings] == ["GC403"]
    assert "frozen on purpose" in report.skipped[-1].reason


def test_wrapped_names_match_the_plain_pattern() -> None:
    wrapped = replace(SICK.findings[0], layers=("module.net.0",))
    policy = Policy(per_module=(ModuleIgnore(("net.*",), ("GC101",)),))
    assert gated(replace(SICK, findings=(wrapped,)), policy).findings == ()


def test_an_ignore_that_matched_nothing_is_reported() -> None:
    policy = Policy(per_module=(ModuleIgnore(("head.*",), ("GC101",)),))
    result = gate(SICK, policy)
    report, notes = result.report, result.notes
    assert report is SICK
    assert notes == ("the ignore of GC101 in head.* matched nothing",)


def test_causes_and_fixes_of_what_does_not_count_go_with_it() -> None:
    report = gated(SICK, Policy(select=("GC403",)))
    assert [c.name for c in report.causes] == ["saturating-activation"]  # it explains GC403, too
    report = gated(SICK, Policy(select=("GC9",)))
    assert (report.causes, report.fixes) == ((), ())


def test_the_verdict_follows_and_the_headline_says_what_was_left_out() -> None:
    report = gated(SICK, Policy(ignore=("ALL",)))
    assert report.verdict is Verdict.HEALTHY
    assert report.headline == "Nothing wrong beyond what is left out (GC101, GC403)."


def test_another_severity_and_the_order_it_gives() -> None:
    policy = Policy(severities=(("GC101", Severity.NOTE), ("GC403", Severity.ERROR)))
    report = gated(SICK, policy)
    assert [(f.code, f.severity) for f in report.findings] == [
        ("GC403", Severity.ERROR),
        ("GC101", Severity.NOTE),
    ]


def test_options_are_understood_or_refused() -> None:
    assert parse_module_ignore("a.*,b=GC101,GC2:on purpose: yes") == ModuleIgnore(
        ("a.*", "b"), ("GC101", "GC2"), "on purpose: yes"
    )
    assert parse_severity("gc101=Warning") == ("GC101", Severity.WARNING)
    for text in ("head.*", "=GC1", "head.*=", ""):
        with pytest.raises(UsageError, match="expected MODULES=RULES"):
            parse_module_ignore(text)
    for text in ("GC101", "GC101=fatal"):
        with pytest.raises(UsageError, match="expected CODE="):
            parse_severity(text)


def test_selectors_that_fit_no_rule_are_mentioned() -> None:
    known = [("GC101", "vanishing-gradient")]
    given = ["GC1", "gc101", "ALL", "vanishing-gradient", "GC9", "typo"]
    assert check_rules(given, known) == ["no rule fits 'GC9'", "no rule fits 'typo'"]


def test_a_raised_severity_makes_a_calm_report_sick_with_a_headline_of_its_finding() -> None:
    note = replace(SICK.findings[0], severity=Severity.NOTE)
    calm = replace(
        a_report.healthy(), findings=(note,), causes=(), fixes=(), verdict=Verdict.HEALTHY
    )
    report = gated(calm, Policy(severities=(("GC101", Severity.ERROR),)))
    assert report.verdict is Verdict.SICK
    assert report.headline == f"{note.name}: {note.message}"


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Policy(fail_on=None), "--fail-on never"),
        (Policy(exit_zero=True), "--exit-zero"),
        (
            Policy(severities=(("GC101", Severity.WARNING), ("GC403", Severity.WARNING))),
            "the gravest is a warning, and --fail-on is error",
        ),
    ],
)
def test_why_something_sick_passes_is_said_in_one_line(policy: Policy, reason: str) -> None:
    result = gate(SICK, policy)
    assert result.all_notes[-1] == f"exit code 0 although something was found: {reason}"


def test_nothing_is_to_be_explained_where_it_fails_or_nothing_is_wrong() -> None:
    assert gate(SICK, Policy()).excuse == ""
    assert Gated(a_report.healthy(), Policy(fail_on=None)).excuse == ""
