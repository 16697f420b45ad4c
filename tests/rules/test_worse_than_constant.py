"""GC407: a loss that falls and is worse than a constant prediction all the same."""

from dataclasses import replace
from random import Random

import pytest

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import LossFacts, Trace
from gradcheck_cli.rules.beside_constant import worse_than_constant as gc407
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    skipped,
)
from tests.support.answered import answer

SLOWLY = [GUESSING * (6 - 0.02 * i) for i in range(50)]  # six times it, down by a sixth


def test_a_slow_fall_far_above_it_is_a_warning_with_both_numbers() -> None:
    [finding] = found(gc407, a_trace(loss=SLOWLY))
    assert finding.severity is Severity.WARNING
    assert finding.evidence[0].measured == pytest.approx(GUESSING * 5.1, rel=0.02)
    assert finding.evidence[0].limit == GUESSING
    assert "where a constant prediction costs 2;" in finding.message


@pytest.mark.parametrize(
    "curve",
    [
        [GUESSING * (4 - 0.05 * i) for i in range(50)],  # it will soon be there
        [GUESSING * max(0.5, 6 * 0.9**i) for i in range(50)],  # a wild start that is over
        [GUESSING * 0.98**i for i in range(50)],
        [GUESSING] * 50,  # that is GC403
        [GUESSING * max(1.3, 3 * 0.9**i) for i in range(60)],  # and that
        [GUESSING * (3 + 0.2 * i) for i in range(50)],  # and that GC404
    ],
    ids=["soon", "wild start", "learning", "stalled", "plateau", "growing"],
)
def test_other_losses_pass(curve: list[float]) -> None:
    assert not found(gc407, a_trace(loss=curve))


@pytest.mark.parametrize("seed", range(10))
def test_noise_around_it_is_not_above_it(seed: int) -> None:
    chance = Random(seed)
    curve = [GUESSING * (1 + chance.gauss(0, 0.3)) for _ in range(60)]
    assert not found(gc407, a_trace(loss=curve))


def with_penalty(data: list[float]) -> Trace:
    """Return a run whose loss falls because a penalty does; `data` is the rest of it."""
    trace = a_trace(loss=[x + 50 * 0.9**i for i, x in enumerate(data)])
    steps = [replace(s, data_loss=x) for s, x in zip(trace.steps, data, strict=True)]
    facts = LossFacts(kind="cross_entropy", apart=True, data_baseline=GUESSING)
    return replace(trace, steps=tuple(steps), loss=facts)


def test_of_a_loss_with_a_penalty_only_what_compares_with_targets_counts() -> None:
    [finding] = found(gc407, with_penalty(SLOWLY))
    assert "the part of the loss that compares outputs with targets" in finding.message
    assert not found(gc407, with_penalty([GUESSING * 0.95**i for i in range(50)]))


def test_without_a_known_constant_and_with_few_steps_it_cannot_tell() -> None:
    unknown = replace(a_trace(loss=SLOWLY), loss=LossFacts())
    assert "constant" in skipped(gc407, unknown).reason
    assert "20" in skipped(gc407, a_trace(loss=SLOWLY[:19])).reason


@pytest.mark.parametrize(("later", "reported"), [(-50.0, False), (-250.0, True), (-340.0, True)])
def test_a_run_that_was_extended_and_soon_reaches_it_passes(later: float, reported: bool) -> None:
    said = (("against-constant", -300.0), ("longer", later), ("plateau", 750.0))
    answers = [
        replace(answer(name, Outcome.NOTED), measured=measured, unit="%") for name, measured in said
    ]
    trace = replace(a_trace(loss=SLOWLY), examination=tuple(answers))
    assert bool(found(gc407, trace)) is reported
