"""GC501: NaN and infinity, with the first place and step."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import DataFacts, Trace
from gradcheck_cli.rules.non_finite import non_finite as gc501
from tests.support.a_trace import (
    a_trace,
    found,
    losses,
    moments,
)


def broken(path: str, what: str, since: int = 7, trace: Trace | None = None) -> Trace:
    """Return a run in which something of a layer stops being finite in step `since`."""
    trace = a_trace() if trace is None else trace
    steps = []
    for step in trace.steps:
        readings = dict(step.readings)
        if step.index >= since:
            readings[path] = replace(readings[path], **{what: moments(1.0, nonfinite=1)})
        steps.append(replace(step, readings=readings))
    return replace(trace, steps=tuple(steps))


@pytest.mark.parametrize("what", ["weight", "weight_grad", "update", "output"])
def test_names_the_first_layer_and_step_wherever_it_happens(what: str) -> None:
    [finding] = found(gc501, broken("l2", what))
    assert (finding.code, finding.severity) == ("GC501", Severity.ERROR)
    assert (finding.layers, finding.first_step) == (("l2",), 7)
    assert "step 8" in finding.message


@pytest.mark.parametrize("what", ["output_grad", "bias_grad"])
def test_gradients_of_outputs_and_biases_count_too(what: str) -> None:
    [finding] = found(gc501, broken("l2", what))
    assert (finding.layers, finding.first_step) == (("l2",), 7)


def test_the_earliest_layer_in_execution_order_is_named() -> None:
    trace = broken("l3", "output", trace=broken("l1", "output"))
    assert found(gc501, trace)[0].layers == ("l1",)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_alone_is_enough(bad: float) -> None:
    curve = losses("learning")
    curve[4] = bad
    [finding] = found(gc501, a_trace(loss=curve))
    assert (finding.first_step, finding.layers) == (4, ())
    assert "the loss" in finding.message


def test_a_step_that_the_scaler_skipped_on_purpose_is_fine() -> None:
    trace = broken("l0", "weight_grad", since=29)
    steps = [replace(s, skipped=s.index == 29) for s in trace.steps]
    assert not found(gc501, replace(trace, steps=tuple(steps)))


@pytest.mark.parametrize("data", [DataFacts(nonfinite_inputs=3), DataFacts(nonfinite_targets=3)])
def test_bad_numbers_in_the_data_are_counted(data: DataFacts) -> None:
    [finding] = found(gc501, a_trace(data=data))
    assert finding.evidence[0].measured == 3


@pytest.mark.parametrize("loss", ["learning", "stalled", "diverging"])
def test_finite_runs_pass(loss: str) -> None:
    assert not found(gc501, a_trace(loss=loss))
