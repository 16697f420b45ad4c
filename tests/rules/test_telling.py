"""Sentences about the loss never contradict the numbers in them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_cli import concluding, condensing
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.records.trace import LossFacts, Trace
from gradcheck_cli.rules import telling
from gradcheck_cli.rules.engine import judge
from tests.support.a_trace import GUESSING, a_trace, losses

NUMBER = r"(-?[\d.]+(?:e[+-]?\d+)?)"
sizes = st.floats(-5, 5).map(lambda x: 10**x)
curves = st.builds(
    lambda level, slope, kick, noise, n: [
        level * (1 + slope * i / n + kick * 0.8**i + noise * ((i * 7919) % 13 - 6) / 6)
        for i in range(n)
    ],
    sizes,
    st.floats(-1.2, 2),
    st.floats(0, 20),
    st.sampled_from([0.0, 1e-3, 0.05, 0.4]),
    st.integers(10, 120),
)


def with_facts(curve: list[float], baseline: float | None, part: bool, surrogate: str) -> Trace:
    trace = a_trace(loss=[x + 3 * part * 0.9**i for i, x in enumerate(curve)])
    steps = [replace(s, data_loss=x) for s, x in zip(trace.steps, curve, strict=True)]
    facts = LossFacts(
        kind="mse_loss",
        baseline=None if part else baseline,
        apart=part,
        data_baseline=baseline if part else None,
        surrogate=surrogate,
    )
    return replace(trace, steps=tuple(steps), loss=facts)


traces = st.builds(
    with_facts,
    curves,
    st.none() | sizes,
    st.booleans(),
    st.sampled_from(["", "", "", "a policy gradient"]),
)


def sentences(trace: Trace) -> list[str]:
    """Return the headline, the line beside the curve and what the rules say of the loss."""
    judgment = judge(trace)
    verdict = concluding.verdict(trace, judgment)
    headline = concluding.headline(trace, verdict, judgment.findings, ())
    of_loss = [f for f in judgment.findings if f.code in {"GC403", "GC404", "GC406", "GC407"}]
    return [headline, condensing.loss(trace).words, *(f.message for f in of_loss)]


CLAIMS = {
    rf"falls \({NUMBER} to {NUMBER}\)": lambda a, b: b < a,
    rf"grows (?:from )?\(?{NUMBER} to {NUMBER}": lambda a, b: b > a,
    rf"is {NUMBER}, no better than [a-z ]*\({NUMBER}\)": lambda a, b: a >= b,
    rf"stays at {NUMBER}, no better than [a-z ]*\({NUMBER}\)": lambda a, b: a >= b,
    rf"{NUMBER}\), below that of a constant prediction \({NUMBER}\)": lambda a, b: a < b,
    rf"{NUMBER}\), still above that of a constant prediction \({NUMBER}\)": lambda a, b: a > b,
    rf"converged to {NUMBER}; a constant prediction costs {NUMBER}": lambda a, b: a < b,
    rf"come down to {NUMBER} and ends at {NUMBER}": lambda a, b: b > a,
    rf"is {NUMBER}, where a constant prediction costs {NUMBER}": lambda a, b: a > b,
}


@settings(deadline=None, max_examples=120, derandomize=True)
@given(traces)
def test_no_sentence_contradicts_its_own_numbers(trace: Trace) -> None:
    for sentence in sentences(trace):
        for pattern, true in CLAIMS.items():
            for a, b in re.findall(pattern, sentence):
                assert true(float(a.rstrip(".")), float(b.rstrip("."))), sentence


@settings(deadline=None, max_examples=60, derandomize=True)
@given(traces)
def test_headline_line_and_evidence_come_from_one_record(trace: Trace) -> None:
    state = progress(trace)
    summary = condensing.loss(trace)
    assert (summary.state, summary.reference) == (state.state.value, state.baseline)
    for finding in judge(trace).findings:
        if finding.code in {"GC403", "GC407"}:
            assert finding.evidence[0].measured == state.end == summary.end


@settings(deadline=None, max_examples=60, derandomize=True)
@given(traces)
def test_healthy_is_better_than_the_reference_or_on_its_way(trace: Trace) -> None:
    judgment = judge(trace)
    if concluding.verdict(trace, judgment) is not Verdict.HEALTHY:
        return
    state = progress(trace)
    if state.state is State.UNRATED:
        return
    assert state.end < state.start or state.state is State.CONVERGED
    if state.above:
        assert state.slope < 0


def test_a_surrogate_is_said_to_be_one_and_nothing_of_its_size() -> None:
    trace = replace(
        a_trace(loss="diverging"), loss=LossFacts(surrogate="log-probabilities times returns")
    )
    judgment = judge(trace)
    assert not {"GC403", "GC404", "GC406", "GC407"} & {f.code for f in judgment.findings}
    verdict = concluding.verdict(trace, judgment)
    assert verdict is Verdict.HEALTHY
    said = concluding.headline(trace, verdict, judgment.findings, ())
    assert "does not tell whether it learns (log-probabilities times returns)" in said


def test_a_loss_whose_sign_changes_again_and_again_has_no_level() -> None:
    curve = [(-1) ** (i // 3) * (1 + i % 4) for i in range(60)]
    trace = replace(a_trace(loss=curve), loss=LossFacts())
    assert progress(trace).state is State.UNRATED
    through_zero = [2 - 0.1 * i + 0.1 * (-1) ** i for i in range(60)]  # a log-likelihood
    assert (
        progress(replace(trace, steps=a_trace(loss=through_zero).steps)).state is not State.UNRATED
    )


@pytest.mark.parametrize("taken", [50, 100])
def test_train_longer_ends_after_four_times_the_steps(taken: int) -> None:
    short = a_trace(loss=losses("slow", taken), update=1e-3)
    state = replace(progress(short), state=State.SLOW, baseline=None)
    assert telling.decider(state, "try --steps 200", taken) == "try --steps 200"
    assert "fixed batch" in telling.decider(state, "try --steps 800", 200)


def test_below_a_constant_from_the_start_and_not_lower_since_is_kept_and_not_healthy() -> None:
    trace = a_trace(loss=[0.3 * GUESSING + 0.05 * (-1) ** i for i in range(60)])
    assert progress(trace).state is State.KEPT
    judgment = judge(trace)
    assert concluding.verdict(trace, judgment) is Verdict.UNSURE
    assert "has not fallen since" in concluding.headline(trace, Verdict.UNSURE, (), ())
    improving = a_trace(loss=[0.3 * GUESSING * 0.97**i for i in range(60)])
    assert concluding.verdict(improving, judge(improving)) is Verdict.HEALTHY
