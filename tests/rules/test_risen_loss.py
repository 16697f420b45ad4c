"""GC406: what had been learned is lost again."""

from dataclasses import replace
from random import Random

import pytest

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import LossFacts
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.rules.loss_curve import risen_loss as gc406
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    skipped,
)

FALL = [GUESSING * max(0.2, 0.95**i) for i in range(60)]


def noisy(curve: list[float], by: float, seed: int = 0) -> list[float]:
    chance = Random(seed)
    return [x + chance.gauss(0, by) for x in curve]


def test_a_loss_that_falls_and_is_back_where_it_began_is_an_error() -> None:
    [finding] = found(gc406, a_trace(loss=noisy([*FALL, *[GUESSING] * 30], 0.02)))
    assert finding.severity is Severity.ERROR
    assert finding.evidence[0].measured == pytest.approx(GUESSING, rel=0.05)
    assert finding.evidence[1].measured == pytest.approx(0.2 * GUESSING, rel=0.2)


def test_a_loss_that_is_lost_in_part_is_a_warning() -> None:
    curve = noisy([*FALL, *[0.75 * GUESSING] * 30], 0.02)
    assert [f.severity for f in found(gc406, a_trace(loss=curve))] == [Severity.WARNING]


def test_a_loss_on_its_way_down_again_is_no_error() -> None:
    coming_back = [GUESSING * (1 - 0.01 * i) for i in range(30)]
    [finding] = found(gc406, a_trace(loss=noisy([*FALL, *coming_back], 0.02)))
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_small_batches_is_no_rise(seed: int) -> None:
    steady = noisy([GUESSING] * 90, 0.4, seed)
    learning = noisy([*FALL, *[0.2 * GUESSING] * 40], 0.1, seed)
    assert not found(gc406, a_trace(loss=steady))
    assert not found(gc406, a_trace(loss=learning))


def test_a_spike_that_passes_is_no_rise() -> None:
    curve = noisy(
        [*FALL, *[GUESSING] * 6, *[0.2 * GUESSING] * 34],
        0.02,
    )
    assert not found(gc406, a_trace(loss=curve))


def test_after_a_restart_of_the_schedule_it_is_a_note() -> None:
    trace = a_trace(loss=noisy([*FALL, *[0.8 * GUESSING] * 20], 0.02))
    rates = [0.1 * (1 - i / 61) for i in range(60)] + [0.1] * 20
    steps = [replace(s, learning_rate=r) for s, r in zip(trace.steps, rates, strict=True)]
    [finding] = found(gc406, replace(trace, steps=tuple(steps)))
    assert finding.severity is Severity.NOTE


def test_a_constant_rate_excuses_nothing() -> None:
    trace = a_trace(loss=noisy([*FALL, *[GUESSING] * 20], 0.02))
    steps = [replace(s, learning_rate=0.1) for s in trace.steps]
    [finding] = found(gc406, replace(trace, steps=tuple(steps)))
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize("mute", ["", "several models are trained against each other"])
def test_a_loss_that_need_not_fall_may_rise(mute: str) -> None:
    trace = a_trace(loss=noisy([*FALL, *[GUESSING] * 30], 0.02))
    told = judge(trace, Policy(select=("GC406",)), mute=mute)
    assert [f.name for f in told.findings] == ([] if mute else ["risen-loss"])
    assert [s.reason for s in told.skipped if s.code == "GC406"] == ([mute] if mute else [])


def test_nothing_is_said_of_few_steps_or_of_a_loss_without_a_level() -> None:
    assert "40" in skipped(gc406, a_trace(loss=FALL[:39])).reason
    facts = LossFacts(surrogate="a policy gradient")
    unrated = replace(a_trace(loss=[*FALL, *[GUESSING] * 30]), loss=facts)
    assert "policy" in skipped(gc406, unrated).reason
