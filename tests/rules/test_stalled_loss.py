"""GC403: the loss does not fall."""

from dataclasses import replace
from random import Random

import pytest

from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.examination import Answer, Outcome
from gradcheck_cli.records.finding import Confidence, Severity
from gradcheck_cli.records.trace import DataFacts, LossFacts
from gradcheck_cli.rules.loss_curve import stalled_loss as gc403
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    losses,
    moments,
    skipped,
    with_outputs_that_part,
    with_reading,
)
from tests.support.answered import answer

LEAST = int(gc403.thresholds["least_steps"])


def test_says_where_the_loss_stays_and_at_what_guessing_would_be() -> None:
    [finding] = found(gc403, a_trace())
    assert (finding.code, finding.severity, finding.layers) == ("GC403", Severity.WARNING, ())
    assert finding.evidence[0].measured == pytest.approx(GUESSING, rel=0.02)
    assert finding.evidence[0].limit == GUESSING
    assert "hardly better than a constant prediction (2)" in finding.message


def test_fewer_steps_than_the_card_says_are_too_few() -> None:
    assert found(gc403, a_trace(loss=losses("stalled", LEAST)))
    assert str(LEAST) in skipped(gc403, a_trace(loss=losses("stalled", LEAST - 1))).reason


def test_a_known_baseline_and_many_steps_make_it_sure() -> None:
    [sure] = found(gc403, a_trace(loss=losses("stalled", 2 * LEAST)))
    [less] = found(gc403, a_trace(loss=losses("stalled", LEAST)))
    assert (sure.confidence, less.confidence) == (Confidence.HIGH, Confidence.MEDIUM)


@pytest.mark.parametrize(
    ("gained", "severity"), [(-1.0, Severity.ERROR), (2.9, Severity.ERROR), (4.4, Severity.WARNING)]
)
def test_a_run_that_stands_still_below_a_constant_is_no_error(
    gained: float, severity: Severity
) -> None:
    later = Answer(
        name="longer", question="Does it learn?", outcome=Outcome.WRONG, measured=gained, limit=0.0
    )
    trace = replace(a_trace(), examination=(later,))
    assert [f.severity for f in found(gc403, trace)] == [severity]


@pytest.mark.parametrize(
    ("beside", "update", "severity"),
    [
        ((), 1e-3, Severity.NOTE),
        ((("by-heart", Outcome.FINE),), 1e-3, Severity.NOTE),
        ((("rate-higher", Outcome.WRONG),), 1e-3, Severity.ERROR),  # a cure
        ((("cut-gradient", Outcome.WRONG),), 1e-3, Severity.ERROR),
        ((), 1e-7, Severity.ERROR),  # weights do not move
    ],
)
def test_an_extension_that_the_time_cut_is_an_error_where_something_else_proves_it(
    beside: tuple[tuple[str, Outcome], ...], update: float, severity: Severity
) -> None:
    later = replace(answer("longer"), measured=-0.6, unfinished=True)
    told = (answer("against-constant"), later, *(answer(*one) for one in beside))
    trace = replace(a_trace(update=update), examination=told)
    assert [f.severity for f in found(gc403, trace)] == [severity]
    skipped = replace(later, outcome=Outcome.SKIPPED)
    early = replace(trace, examination=(told[0], skipped, *told[2:]))
    grave = Severity.WARNING if beside and severity is Severity.ERROR else severity
    assert [f.severity for f in found(gc403, early)] == [grave]


@pytest.mark.parametrize("loss", ["learning", "slow", "converged", "diverging", "broken"])
def test_other_losses_are_not_stalled(loss: str) -> None:
    assert not found(gc403, a_trace(loss=loss))


def test_a_stall_in_a_warm_up_is_a_note() -> None:
    trace = a_trace()
    steps = [replace(s, learning_rate=1e-6 * (1 + s.index)) for s in trace.steps]
    assert [f.severity for f in found(gc403, replace(trace, steps=tuple(steps)))] == [Severity.NOTE]


def test_a_promising_stall_is_a_note_unless_the_loss_does_not_fit() -> None:
    trace = a_trace(update=1e-3)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, agreement=0.9)
    assert [f.severity for f in found(gc403, trace)] == [Severity.NOTE]
    unfit = replace(trace, loss=replace(trace.loss, activation_before="softmax"))
    assert [f.severity for f in found(gc403, unfit)] == [Severity.ERROR]


def test_a_stall_of_weights_that_do_not_move_is_an_error() -> None:
    trace = a_trace()
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_reading(trace, path, update=moments(1e-7))
    assert [f.severity for f in found(gc403, trace)] == [Severity.ERROR]


def test_a_stall_on_data_that_never_varies_is_an_error() -> None:
    trace = replace(a_trace(), data=DataFacts(constant_features=1.0))
    assert [f.severity for f in found(gc403, trace)] == [Severity.ERROR]


@pytest.mark.parametrize(("by", "severity"), [(1.02, Severity.NOTE), (0.98, Severity.WARNING)])
def test_outputs_that_depend_more_and_more_on_the_sample_promise_a_fall(
    by: float, severity: Severity
) -> None:
    trace = with_outputs_that_part(a_trace(), by=by)
    assert [f.severity for f in found(gc403, trace)] == [severity]


def test_a_loss_that_points_down_in_much_noise_is_a_note() -> None:
    random = Random(2)
    flat = [random.gauss(GUESSING, 0.08) for _ in range(40)]
    down = [loss - 0.001 * i for i, loss in enumerate(flat)]
    assert progress(a_trace(loss=down)).state is State.STALLED
    assert [f.severity for f in found(gc403, a_trace(loss=flat))] == [Severity.WARNING]
    assert [f.severity for f in found(gc403, a_trace(loss=down))] == [Severity.NOTE]


def test_where_shapes_are_stretched_noise_does_not_excuse_a_stall() -> None:
    wobble = [0.9 * (-1) ** i * (1 + i % 3) / 2 for i in range(40)]
    facts = LossFacts(kind="mse_loss", broadcast=True, output_shape=(8, 1), target_shape=(8,))
    noisy = a_trace(loss=[GUESSING + w for w in wobble])
    assert progress(noisy).state is State.SLOW
    assert not found(gc403, noisy)
    stretched = replace(noisy, loss=facts)
    assert progress(stretched).state is State.SLOW
    assert [f.severity for f in found(gc403, stretched)] == [Severity.ERROR]
