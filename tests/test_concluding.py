"""From findings to a verdict, a headline and rows: whatever was measured."""

from dataclasses import replace
from math import isfinite, nan

import pytest
from hypothesis import given

from gradcheck_cli import concluding, condensing
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Crash, Severity
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.records.trace import LossFacts, Step, Trace
from gradcheck_cli.rules.engine import Judgment, judge
from tests.rules.test_properties import calmly
from tests.support.a_trace import a_trace, linear, losses, moments, reading
from tests.support.arbitrary import any_trace


def concluded(trace: Trace) -> tuple[Verdict, str]:
    judgment = judge(trace)
    verdict = concluding.verdict(trace, judgment)
    causes = rank(trace, judgment.findings)
    return verdict, concluding.headline(trace, verdict, judgment.findings, causes)


def test_the_headline_of_a_sick_run_names_finding_cause_and_first_layer() -> None:
    trace = a_trace([1e-2 * 0.1 ** (9 - i) for i in range(10)])
    verdict, headline = concluded(trace)
    assert verdict is Verdict.SICK
    assert headline.startswith("vanishing-gradient")
    assert "; possible cause " in headline  # nothing was tried: signs alone


def test_what_is_named_for_want_of_another_cause_is_no_headline() -> None:
    trace = a_trace(loss="stalled")
    assert [c.name for c in rank(trace, judge(trace).findings)] == ["labels-without-signal"]
    _, headline = concluded(trace)
    assert headline.startswith("stalled-loss: ")
    assert "labels" not in headline


def test_a_loss_that_diverges_leads_before_what_gradients_show_beside_it() -> None:
    gradients = [1e-2 * 0.1 ** (9 - i) for i in range(10)]
    for trace, leads in (
        (a_trace(gradients, [2.0 * 3.0**i for i in range(30)], update=0.297), "diverging-loss"),
        (a_trace(gradients, update=0.297), "vanishing-gradient"),
    ):
        _, headline = concluded(trace)
        assert headline.startswith(leads)


def test_a_run_that_learns_is_healthy_and_says_from_where_to_where() -> None:
    verdict, headline = concluded(a_trace(loss="learning"))
    assert verdict is Verdict.HEALTHY
    assert "the loss falls (" in headline


def test_a_converged_run_is_healthy() -> None:
    verdict, headline = concluded(a_trace(loss="converged"))
    assert verdict is Verdict.HEALTHY
    assert "converged" in headline


def test_few_steps_are_unsure_and_more_are_asked_for() -> None:
    verdict, headline = concluded(a_trace(loss=losses("learning", 6)))
    assert verdict is Verdict.UNSURE
    assert "--steps" in headline


def test_what_has_converged_in_few_steps_is_not_told_with_a_but() -> None:
    verdict, headline = concluded(a_trace(loss=losses("converged", 15)))
    assert verdict is Verdict.UNSURE
    assert headline.startswith("Nothing wrong so far: the loss ")
    assert "15 steps are too few to be sure" in headline


def test_what_is_below_a_constant_already_is_not_said_to_come_there() -> None:
    """Its observed steps ended above; what went on is below, by too little to be sure."""
    trace = a_trace(loss=[3.5 - 0.01 * i for i in range(40)])
    trace = replace(trace, loss=LossFacts(kind="cross_entropy", baseline=3.0))
    now = Answer(name="against-constant", question="now?", outcome=Outcome.WRONG, measured=-8.0)
    later = Answer(
        name="longer",
        question="later?",
        outcome=Outcome.NOTED,
        said="200 steps later it is 9 % below",
        measured=9.0,
    )
    for answers, expected in (((now,), True), ((now, later), False)):
        verdict, headline = concluded(replace(trace, examination=answers))
        assert verdict is Verdict.UNSURE
        assert ("passes that after" in headline) is expected
        assert "--steps" in headline


def test_a_crash_of_ours_is_no_clean_bill_of_health() -> None:
    trace = a_trace(loss="learning")
    clean = judge(trace)
    crashed = replace(clean, crashed=(Crash("rule GC101", "..."),))
    assert concluding.verdict(trace, clean) is Verdict.HEALTHY
    assert concluding.verdict(trace, crashed) is Verdict.UNSURE


def test_an_empty_trace_is_unsure() -> None:
    assert concluding.verdict(Trace(), Judgment()) is Verdict.UNSURE
    assert condensing.history(Trace()).losses == ()
    assert condensing.summaries(Trace()) == ()


def test_long_runs_are_told_in_few_points_the_last_one_always() -> None:
    told = condensing.history(a_trace(loss=losses("learning", 5000)))
    assert len(told.steps) <= 60
    assert len(told.losses) <= 400
    assert told.steps[-1] == told.loss_steps[-1] == 4999
    assert list(told.steps) == sorted(set(told.steps))


def test_rows_are_relative_to_the_strongest_layer() -> None:
    rows = condensing.summaries(a_trace((1e-8, 1e-2, 1e-2)))
    assert [x.path for x in rows] == ["l0", "l1", "l2"]
    assert rows[2].sensitivity == 1
    assert rows[0].sensitivity is not None
    assert rows[0].sensitivity < 1e-5


@calmly
@given(any_trace())
def test_any_trace_can_be_concluded(trace: Trace) -> None:
    judgment = judge(trace)
    crashed: list[Crash] = []
    causes = rank(trace, judgment.findings, on_crash=crashed.append)
    assert [c.traceback for c in crashed] == []
    verdict = concluding.verdict(trace, judgment)
    grave = [f for f in judgment.findings if f.severity is not Severity.NOTE]
    assert (verdict is Verdict.SICK) is bool(grave)
    if any(not isfinite(s.loss) and not s.skipped for s in trace.steps):
        assert verdict is not Verdict.HEALTHY
    assert concluding.headline(trace, verdict, judgment.findings, causes)
    assert len(condensing.summaries(trace)) == len(trace.layers)
    told = condensing.history(trace)
    for rows in told.series.values():
        for row in rows.values():
            assert len(row) == len(told.steps)
            assert all(v is None or isfinite(v) for v in row)
    assert all(0 <= c.score <= 1 for c in causes)
    assert [c.score for c in causes] == sorted((c.score for c in causes), reverse=True)
    assert concluding.next_steps(verdict, judgment.findings, ())


def test_layers_are_described_by_what_was_measured_before_the_first_value_that_is_no_number() -> (
    None
):
    layers = [linear("a", 0, 1), linear("b", 1, 0)]
    good = {x.path: reading(0.02) for x in layers}
    bad = {x.path: reading(0.02, weight_grad=moments(0.0, nonfinite=64)) for x in layers}
    steps = tuple(
        Step(index=i, loss=1.0 if i < 3 else nan, readings=good if i < 3 else bad) for i in range(9)
    )
    trace = Trace(layers=tuple(layers), steps=steps)
    assert [x.gradient for x in condensing.summaries(trace)] == pytest.approx([0.02, 0.02])
    assert condensing.history(trace).steps == (0, 1, 2)
    assert len(condensing.history(trace).losses) == 9
