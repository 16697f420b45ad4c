"""GC102: gradients grow on the way down, along time or along training."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import DataFacts, LossFacts
from gradcheck_cli.rules.exploding_gradient import exploding_gradient as gc102
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    losses,
    moments,
    skipped,
    with_reading,
)
from tests.support.answered import answer

LIMIT = gc102.thresholds
STEEP = 1.0  # a gradient with which a layer moves its loss, but not wildly


def growing(factor: float, largest: float = STEEP) -> tuple[float, ...]:
    small = largest / factor
    return (largest, small * factor**0.6, small * factor**0.3, small, small)


def test_names_the_layers_and_the_number() -> None:
    [finding] = found(gc102, a_trace(growing(1e5)))
    assert (finding.code, finding.severity) == ("GC102", Severity.ERROR)
    assert finding.layers == ("l0", "l1", "l2", "l3", "l4")
    assert finding.evidence[0].measured > LIMIT["growth"]
    assert "lowest layers" in finding.message


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_the_limit_of_growth_along_depth_is_where_the_card_says(times: float, count: int) -> None:
    small = STEEP / (LIMIT["growth"] * times)
    gradients = (STEEP, STEEP, small, small, small)
    assert len(found(gc102, a_trace(gradients))) == count


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_the_limit_of_growth_along_time_is_where_the_card_says(times: float, count: int) -> None:
    trace = with_reading(a_trace((STEEP,) * 4), "l1", early_over_late=LIMIT["growth"] * times)
    assert len(found(gc102, trace)) == count


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_the_limit_of_growth_along_training_is_where_the_card_says(
    times: float, count: int
) -> None:
    trace = a_trace((STEEP / (LIMIT["growth_in_time"] * times),) * 4)
    steps = [
        step
        if step.index < 15
        else replace(
            step,
            readings={p: replace(r, weight_grad=moments(STEEP)) for p, r in step.readings.items()},
        )
        for step in trace.steps
    ]
    assert len(found(gc102, replace(trace, steps=tuple(steps)))) == count


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_the_limit_of_a_wild_first_loss_is_where_the_card_says(times: float, count: int) -> None:
    facts = LossFacts(kind="mse_loss", baseline=GUESSING)
    curve = [GUESSING * LIMIT["excess"] * times] * 30
    trace = replace(a_trace(loss=curve), loss=facts)
    assert len(found(gc102, trace)) == count


@pytest.mark.parametrize(("late", "count"), [(Outcome.NOTED, 1), (Outcome.FINE, 0)])
@pytest.mark.parametrize("far", [True, False])
def test_a_loss_that_takes_long_to_come_back_from_far_off_is_a_warning(
    late: Outcome, count: int, *, far: bool
) -> None:
    curve = [(1000 if far else 1.2) * GUESSING * 0.85**i + 1.1 * GUESSING for i in range(30)]
    told = (answer("longer", Outcome.FINE), answer("plateau", late))
    trace = replace(a_trace(growing(1e5), curve), examination=told)
    answers = found(gc102, trace)
    assert [f.severity for f in answers] == [Severity.WARNING] * (count if far else 0)
    assert all("It is 2" in f.message for f in answers)


@pytest.mark.parametrize(("size", "count"), [(1.0, 0), (0.01, 1)])
def test_targets_that_hardly_vary_are_far_off_from_the_start(size: float, count: int) -> None:
    """Outputs begin at zero, as far from the targets as these lie from there, or a hundred times as far."""
    curve = [0.9 * 0.85**i + 0.009 for i in range(30)]
    told = (answer("longer", Outcome.FINE), answer("plateau", Outcome.NOTED))
    facts = LossFacts(kind="mse_loss", baseline=3e-4)
    data = DataFacts(batch_size=32, target_low=-size, target_high=-0.86 * size)
    trace = replace(a_trace(growing(1e5), curve), examination=told, loss=facts, data=data)
    steps = tuple(replace(step, data_loss=step.loss) for step in trace.steps)
    assert len(found(gc102, replace(trace, steps=steps))) == count


@pytest.mark.parametrize("loss", ["learning", "converged", "slow"])
def test_growth_while_the_network_learns_is_not_reported(loss: str) -> None:
    assert not found(gc102, a_trace(growing(1e6), loss))


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_the_limit_of_sensitivity_is_where_the_card_says(times: float, count: int) -> None:
    # norm(w) = 0.3 * 8 and norm(g) = rms * 8 change the loss by 19.2 * rms / loss.
    rms = LIMIT["sensitivity"] * times * GUESSING / 19.2
    trace = a_trace((rms,) * 4, loss=[GUESSING] * 30)
    assert len(found(gc102, trace)) == count


def test_growth_from_nearly_nothing_is_harmless() -> None:
    assert found(gc102, a_trace(growing(1e5)))
    assert not found(gc102, a_trace(growing(1e5, largest=1e-3 * STEEP)))


def test_a_shallow_network_has_no_depth_to_grow_along() -> None:
    assert not found(gc102, a_trace((STEEP, 1e-5 * STEEP)))


def test_says_so_when_the_loss_can_not_be_judged_yet() -> None:
    trace = a_trace(growing(1e5), losses("stalled", 5))
    assert "too few steps" in skipped(gc102, trace).reason


def test_says_so_when_no_gradient_was_read() -> None:
    assert "no weight layer" in skipped(gc102, a_trace(())).reason


def test_layers_without_any_gradient_are_no_reference() -> None:
    assert not found(gc102, a_trace((1e-2, 1e-2, 1e-2, 0.0, 0.0)))


def test_what_is_strong_above_layers_without_a_gradient_does_not_grow_on_its_way_down() -> None:
    strong = 100 * LIMIT["sensitivity"] * GUESSING / 19.2
    assert found(gc102, a_trace((strong,) * 4, loss=[GUESSING] * 30))
    assert not found(gc102, a_trace((0.0, 0.0, 0.0, strong), loss=[GUESSING] * 30))


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
def test_what_grew_after_a_step_that_threw_the_weights_is_the_work_of_that_step(
    times: float, count: int
) -> None:
    calm, wild = (rms * GUESSING / 19.2 for rms in (5.0, 100 * LIMIT["sensitivity"]))
    trace = a_trace((calm,) * 4, loss=[GUESSING] * 30, update=0.3 * times * LIMIT["thrown"])
    later = a_trace((wild,) * 4, loss=[GUESSING] * 30, update=1e-3).steps[1:]
    assert len(found(gc102, replace(trace, steps=(trace.steps[0], *later)))) == count


def test_what_grows_along_depth_before_such_a_step_explodes() -> None:
    assert found(gc102, a_trace(growing(1e5), update=1.0))
    strong = 100 * LIMIT["sensitivity"] * GUESSING / 19.2
    assert found(gc102, a_trace((strong,) * 4, loss=[GUESSING] * 30, update=1.0))
