"""Whatever the trace, rules answer; scale, order and nonsense do not mislead them."""

import time
from dataclasses import replace
from itertools import pairwise
from math import inf, isfinite, nan

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Severity, Skip
from gradcheck_cli.records.trace import Reading, Role, Step, Trace
from gradcheck_cli.rules import RULES
from gradcheck_cli.rules.base import OF_THE_LOOP, Rule, rule
from gradcheck_cli.rules.engine import judge
from tests.support.a_trace import a_trace, gist, losses, moments, scaled, shuffled, with_reading
from tests.support.arbitrary import any_trace

calmly = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),  # a failing trace is printed as it is
)
SHAPES = ("learning", "slow", "stalled", "diverging", "converged", "broken")
sizes = st.floats(-9, 1).map(lambda x: 10**x)
runs = st.builds(
    lambda gradients, loss, adaptive, update: a_trace(
        gradients, loss, adaptive=adaptive, update=update
    ),
    st.lists(st.just(0.0) | sizes, min_size=1, max_size=9),
    st.sampled_from(SHAPES),
    st.booleans(),
    sizes,
)


@calmly
@given(any_trace())
def test_every_rule_answers_whatever_the_trace(trace: Trace) -> None:
    judgment = judge(trace)
    assert [c.traceback for c in judgment.crashed] == []
    answered = {*judgment.passed, *(s.name for s in judgment.skipped)}
    assert answered | {f.name for f in judgment.findings} == {r.name for r in RULES}
    ranks = [f.severity.rank for f in judgment.findings]
    assert ranks == sorted(ranks, reverse=True)
    for finding in judgment.findings:
        assert finding.message
        assert all(isinstance(e.measured, (int, float)) for e in finding.evidence)
        assert set(finding.layers) <= {x.path for x in trace.layers} | set(trace.unregistered)
    assert repr(judge(trace)) == repr(judgment)
    if any(not isfinite(s.loss) and not s.skipped for s in trace.steps):
        assert "non-finite" in {f.name for f in judgment.findings}


@calmly
@given(runs, st.sampled_from([-6, -3, 3, 6]))
def test_multiplying_the_loss_changes_no_finding(trace: Trace, decades: int) -> None:
    larger = scaled(trace, 10.0**decades)
    for each in RULES:
        assert gist(each(larger)) == gist(each(trace)), each.code


@calmly
@given(runs)
def test_the_order_in_which_layers_are_listed_changes_no_finding(trace: Trace) -> None:
    other = shuffled(trace)
    for each in RULES:
        assert gist(each(other)) == gist(each(trace)), each.code


@pytest.mark.parametrize("steps", [0, 1, 2, 9])
def test_very_short_runs_are_answered(steps: int) -> None:
    judgment = judge(a_trace(loss=losses("stalled", steps)))
    assert not judgment.crashed
    assert "stalled-loss" in {s.name for s in judgment.skipped}


def test_an_empty_trace_is_skipped_not_passed_as_healthy() -> None:
    judgment = judge(Trace())
    assert not judgment.crashed
    assert not judgment.findings
    reasons = {s.name: s.reason for s in judgment.skipped}
    assert {"vanishing-gradient", "stalled-loss"} <= reasons.keys()
    for name in ("non-finite", "disconnected-parameter", "never-called"):
        assert "no step" in reasons[name]


def test_mistakes_of_a_loop_that_nobody_watched_are_skipped() -> None:
    told = {s.code: s.reason for s in judge(a_trace()).skipped}
    assert {told.get(r.code) for r in RULES if r.code.startswith(OF_THE_LOOP)} == {
        "the loop was not watched"
    }


@pytest.mark.heavy
def test_ten_thousand_layers_are_judged_in_seconds() -> None:
    many = 10_000
    gradients = [1e-2 * 0.999 ** (many - i) for i in range(many)]
    trace = a_trace(gradients, losses("stalled", 20))
    started = time.process_time()
    judgment = judge(trace)
    assert time.process_time() - started < 15
    assert not judgment.crashed
    [finding] = [f for f in judgment.findings if f.name == "vanishing-gradient"]
    assert "l0" in finding.layers


@pytest.mark.parametrize("value", [nan, inf, -inf, 5e-324, 1e308])
@pytest.mark.parametrize(
    "what",
    ["spread", "dead", "saturated", "stuck", "slope", "lost", "agreement", "early_over_late"],
)
def test_a_reading_that_is_no_number_crashes_nothing(what: str, value: float) -> None:
    trace = with_reading(a_trace(), "l1", **{what: value})
    assert not judge(trace).crashed
    trace = with_reading(trace, "l1", weight=moments(value) if value > 0 else None)
    assert not judge(trace).crashed


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_weights_and_gradients_of_any_size_are_judged_alike(size: float) -> None:
    trace = a_trace((1e-8, 1e-2, 1e-2, 1e-2))
    assert [f.name for f in judge(scaled(trace, size)).findings] == [
        f.name for f in judge(trace).findings
    ]


def test_a_crash_costs_only_the_rule_that_crashed() -> None:
    def broken(trace: Trace, *, limit: float = 1.0):
        """Break."""
        raise ZeroDivisionError(f"{limit} {len(trace.steps)}")
        yield

    bad = rule("GC998", "broken-rule")(broken)
    trace = a_trace((1e-8, 1e-2, 1e-2, 1e-2))
    alone, beside = judge(trace), judge(trace, rules=(RULES[0], bad, *RULES[1:]))
    [crash] = beside.crashed
    assert crash.where == "rule GC998 broken-rule"
    assert "ZeroDivisionError" in crash.traceback
    assert beside.findings == alone.findings
    assert beside.passed == alone.passed
    assert beside.skipped == alone.skipped


def test_thresholds_given_by_code_reach_their_rule_only() -> None:
    trace = a_trace((2e-3, 1e-2, 1e-2, 1e-2))
    strict = judge(trace, Policy(thresholds={"GC101": {"attenuation_when_stuck": 0.5}}))
    assert "vanishing-gradient" in {f.name for f in strict.findings}
    assert "vanishing-gradient" in judge(trace).passed
    wrong = judge(trace, Policy(thresholds={"GC101": {"shrnk": 1.0}}))
    assert "shrnk" in wrong.crashed[0].traceback


@pytest.mark.parametrize("each", RULES, ids=lambda r: r.code)
def test_a_usual_network_that_learns_shows_no_error(each: Rule) -> None:
    answer = each(a_trace((1e-2,) * 6, "learning", update=3e-4))
    assert isinstance(answer, Skip) or all(f.severity is Severity.NOTE for f in answer)


@pytest.mark.parametrize(
    ("name", "trace"),
    [
        ("a head initialized with zeros", with_reading(a_trace(loss="learning"), "l3", weight=moments(0.0))),
        ("a gate that starts closed", with_reading(a_trace((1e-7, 1e-2, 1e-2), "learning"), "l0", update=moments(3e-4))),
        ("a bias before a normalization", with_reading(a_trace(loss="learning"), "l1", bias_grad=moments(0.0))),
        ("an expert without samples", with_reading(a_trace(loss="learning"), "l1", weight_grad=moments(0.0, zeros=1.0))),
        ("a solved regression", a_trace((0.0, 0.0, 0.0), "converged", update=0.0)),
    ],
)  # fmt: skip
def test_zeros_by_design_are_no_error(name: str, trace: Trace) -> None:
    grave = [f for f in judge(trace).findings if f.severity is not Severity.NOTE]
    assert grave == [], name


def test_adding_moments_is_associative_and_has_a_zero() -> None:
    from gradcheck_cli.records.reading import Moments

    a, b, c = moments(1.0), moments(0.5, zeros=0.5), moments(2.0, nonfinite=3)
    assert (a + b) + c == a + (b + c)
    assert a + Moments() == a


def test_more_attenuation_never_makes_a_finding_go_away() -> None:
    grave = [
        any(f.name == "vanishing-gradient" for f in judge(a_trace((10.0**-k, 1e-2, 1e-2))).findings)
        for k in range(2, 14)
    ]
    assert all(after >= before for before, after in pairwise(grave))
    assert grave[-1]


def test_roles_and_states_are_all_handled() -> None:
    for role in Role:
        layer = replace(a_trace().layers[0], role=role)
        trace = replace(a_trace(), layers=(layer, *a_trace().layers[1:]))
        assert not judge(trace).crashed
    special = {State.UNKNOWN, State.KEPT, State.UNRATED}
    assert {progress(a_trace(loss=s)).state for s in SHAPES} | special == set(State)
    bare = Trace(steps=(Step(index=0, loss=1.0, readings={"gone": Reading()}),))
    assert not judge(bare).crashed
