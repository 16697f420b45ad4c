"""The best explanation first, always the same, whatever one cause does."""

import random
from dataclasses import replace

import pytest
from hypothesis import given

from gradcheck_cli.causes import CAUSES
from gradcheck_cli.causes.base import CauseRule, Support, cause
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.records.finding import Confidence, Crash, Finding, Severity
from gradcheck_cli.rules.engine import judge
from tests.rules.test_properties import calmly
from tests.support.a_trace import SCALES, a_trace, scaled, shuffled
from tests.support.arbitrary import any_trace


def finding(name: str = "stalled-loss", severity: Severity = Severity.ERROR) -> Finding:
    return Finding(
        code="GC403", name=name, severity=severity, confidence=Confidence.HIGH, message="It stalls."
    )


def sure(name: str, score: float) -> CauseRule:
    return cause(name, "stalled-loss")(lambda seen: Support(score, (f"{name} says so",)))


def test_the_strongest_comes_first_and_names_settle_a_tie() -> None:
    causes = [sure("b", 0.5), sure("a", 0.5), sure("c", 0.9)]
    assert [c.name for c in rank(a_trace(), [finding()], causes=causes)] == ["c", "a", "b"]


def test_of_causes_that_are_as_likely_the_one_of_what_leads_comes_first() -> None:
    wired = replace(finding("disconnected-parameter"), code="GC601")
    fed = replace(finding("degenerate-data"), code="GC701")
    causes = [
        cause(name, found)(lambda seen: Support(1.0, ("so it is",)))
        for name, found in (("a", "degenerate-data"), ("b", "disconnected-parameter"))
    ]
    for found in ([wired, fed], [fed, wired]):
        assert [c.name for c in rank(a_trace(), found, causes=causes)] == ["b", "a"]
    lesser = replace(wired, severity=Severity.WARNING)
    assert [c.name for c in rank(a_trace(), [lesser, fed], causes=causes)] == ["a", "b"]


def test_the_order_of_the_catalogue_and_of_the_findings_does_not_matter() -> None:
    trace = a_trace([1e-2 * 0.1 ** (9 - i) for i in range(10)])
    findings = list(judge(trace).findings)
    expected = rank(trace, findings)
    assert expected
    chance = random.Random(0)
    for _ in range(5):
        shuffled_causes = chance.sample(CAUSES, len(CAUSES))
        assert rank(trace, findings, causes=shuffled_causes) == expected
        some = chance.sample(findings, len(findings))
        assert [(c.name, c.score) for c in rank(trace, some)] == [
            (c.name, c.score) for c in expected
        ]


def test_notes_alone_need_no_explanation() -> None:
    assert rank(a_trace(), [finding(severity=Severity.NOTE)], causes=[sure("a", 1.0)]) == ()
    assert rank(a_trace(), [], causes=[sure("a", 1.0)]) == ()


def test_only_causes_that_explain_what_was_found_are_asked() -> None:
    other = cause("other", "dying-relu")(lambda seen: Support(1.0, ("no",)))
    assert [c.name for c in rank(a_trace(), [finding()], causes=[other, sure("a", 0.4)])] == ["a"]


def test_a_cause_with_hardly_any_support_is_not_worth_a_line() -> None:
    assert rank(a_trace(), [finding()], causes=[sure("a", 0.01)]) == ()


def test_a_cause_that_crashes_costs_only_itself() -> None:
    def crash(seen):
        raise ZeroDivisionError("a cause of ours")

    causes = [cause("broken", "stalled-loss")(crash), sure("a", 0.5)]
    crashed: list[Crash] = []
    told = rank(a_trace(), [finding()], causes=causes, on_crash=crashed.append)
    assert [c.name for c in told] == ["a"]
    assert [c.where for c in crashed] == ["cause broken"]
    assert "a cause of ours" in crashed[0].traceback
    with pytest.raises(ZeroDivisionError):
        rank(a_trace(), [finding()], causes=causes)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("update", [3e-4, 1.0, 1e-9])
def test_the_scale_of_the_loss_and_the_order_of_layers_change_no_cause(
    scale: float, update: float
) -> None:
    trace = a_trace([1e-2 * 0.1 ** (9 - i) for i in range(10)], update=update)
    names = [c.name for c in rank(trace, judge(trace).findings)]
    other = shuffled(scaled(trace, scale))
    assert [c.name for c in rank(other, judge(other).findings)] == names


@calmly
@given(any_trace())
def test_every_cause_answers_whatever_the_trace(trace) -> None:
    findings = [finding(r) for r in {n for c in CAUSES for n in c.explains}]
    crashed: list[Crash] = []
    told = rank(trace, sorted(findings, key=lambda f: f.name), on_crash=crashed.append)
    assert [c.traceback for c in crashed] == []
    for each in told:
        assert 0 < each.score <= 1
        assert each.reasons
        assert all(isinstance(reason, str) and reason for reason in each.reasons)
