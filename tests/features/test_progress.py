"""What the loss does, told from its own noise, from guessing and from zero."""

import time
from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradcheck_cli.features.progress import State, mann_kendall, progress
from gradcheck_cli.features.promising import promising
from tests.support.a_trace import (
    GUESSING,
    SCALES,
    a_trace,
    losses,
    moments,
    scaled,
    with_outputs_that_part,
    with_reading,
)

SHAPES = ("learning", "slow", "stalled", "diverging", "converged", "broken")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", SCALES)
def test_the_state_of_a_loss_does_not_depend_on_its_scale(shape: str, scale: float) -> None:
    assert progress(scaled(a_trace(loss=shape), scale)).state is State(shape)


@pytest.mark.parametrize(("fell", "state"), [(0.3, State.LEARNING), (0.01, State.KEPT)])
def test_what_falls_quickly_from_below_a_constant_has_learned(fell: float, state: State) -> None:
    start = 0.5 * GUESSING
    curve = [start * (1 - fell * min(i / 10, 1.0)) + 0.003 * (-1) ** i for i in range(120)]
    assert progress(a_trace(loss=curve)).state is state


def test_nothing_is_said_about_very_few_steps() -> None:
    assert progress(a_trace(loss=losses("stalled", 5))).state is State.UNKNOWN


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("at", [0, 10, 29])
def test_one_loss_that_is_no_number_breaks_the_run_even_a_short_one(bad: float, at: int) -> None:
    curve = losses("learning")
    curve[at] = bad
    assert progress(a_trace(loss=curve)).state is State.BROKEN
    assert progress(a_trace(loss=[bad])).state is State.BROKEN


def test_one_unlucky_batch_changes_nothing() -> None:
    curve = losses("learning")
    curve[-2] = 50 * GUESSING
    assert progress(a_trace(loss=curve)).fine


def test_a_plateau_that_ends_is_not_stalled() -> None:
    curve = [GUESSING] * 18 + [GUESSING * 0.85**i for i in range(12)]
    assert not progress(a_trace(loss=curve)).stuck


def test_the_share_learned_is_measured_from_guessing_not_from_a_wild_start() -> None:
    assert progress(a_trace(loss="stalled")).learned == pytest.approx(0, abs=0.02)
    wild = [GUESSING * max(1.0, 50 * 0.6**i) for i in range(30)]
    assert progress(a_trace(loss=wild)).learned == pytest.approx(0, abs=0.02)
    assert progress(a_trace(loss=[x / 2 for x in wild])).learned == pytest.approx(0.5, abs=0.02)


def test_the_trend_test_knows_falling_from_rising() -> None:
    rising = [float(i) for i in range(20)]
    assert mann_kendall(rising) == pytest.approx(-mann_kendall(rising[::-1]))
    assert mann_kendall(rising[::-1]) < -2.3
    assert mann_kendall([1.0] * 20) == 0


def test_a_stall_with_features_that_come_apart_is_promising() -> None:
    trace = a_trace()
    assert not promising(trace)
    steps = [
        replace(
            s, readings={p: replace(r, spread=1e-3 * (1 + s.index)) for p, r in s.readings.items()}
        )
        for s in trace.steps
    ]
    assert promising(replace(trace, steps=tuple(steps)))


def test_a_stall_with_coherent_gradients_and_moving_weights_is_promising() -> None:
    trace = a_trace(update=1e-3)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, agreement=0.9)
    assert promising(trace)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, update=moments(1e-9))
    assert not promising(trace)


def test_gradients_whose_agreement_is_no_more_than_chance_promise_nothing() -> None:
    trace = a_trace(update=1e-3)
    steps = [
        replace(
            s,
            readings={
                p: replace(r, agreement=0.4 * (-1) ** s.index) for p, r in s.readings.items()
            },
        )
        for s in trace.steps
    ]
    assert not promising(replace(trace, steps=tuple(steps)))


def test_outputs_that_depend_less_and_less_on_the_sample_promise_nothing() -> None:
    assert promising(with_outputs_that_part(a_trace()))
    assert not promising(with_outputs_that_part(a_trace(), by=0.98))


def quadratic(values: list[float]) -> float:
    """Mann-Kendall as it is defined: every pair is compared."""
    n = len(values)
    score = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    return (score - (score > 0) + (score < 0)) / sqrt(n * (n - 1) * (2 * n + 5) / 18)


@given(
    st.lists(
        st.one_of(
            st.integers(-3, 3).map(float), st.floats(allow_nan=False), st.just(0.0), st.just(-0.0)
        ),
        min_size=4,
        max_size=60,
    )
)
def test_the_fast_trend_test_is_the_one_that_compares_every_pair(values: list[float]) -> None:
    assert mann_kendall(values) == quadratic(values)


def test_the_trend_of_a_hundred_thousand_losses_takes_less_than_a_second() -> None:
    values = [(7919 * i % 100_003) / 1e5 - i / 1e6 for i in range(100_000)]
    begun = time.process_time()
    assert mann_kendall(values) < -2.3
    assert time.process_time() - begun < 2, "the quadratic one takes a quarter of an hour"
