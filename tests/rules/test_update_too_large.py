"""GC402: steps as large as the weights."""

from dataclasses import replace

import pytest

from gradcheck_cli.policy import Policy
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.engine import judge
from gradcheck_cli.rules.update_size import update_too_large as gc402
from tests.support.a_trace import (
    a_trace,
    found,
    losses,
    moments,
    skipped,
    with_parameter,
    with_reading,
)

LIMIT = gc402.thresholds["ratio"]


def moving(ratio: float, loss: str = "stalled"):
    return a_trace(loss=loss, update=ratio * 0.3)


def test_names_the_layers_and_the_number() -> None:
    trace = with_reading(moving(1.0), "l0", update=moments(1e-5))
    [finding] = found(gc402, trace)
    assert (finding.code, finding.severity) == ("GC402", Severity.ERROR)
    assert finding.layers == ("l1", "l2", "l3")
    assert finding.evidence[0].measured == pytest.approx(1.0)
    assert "100 %" in finding.message


@pytest.mark.parametrize(("times", "count"), [(0.99, 0), (1.01, 1)])
def test_the_limit_is_where_the_card_says(times: float, count: int) -> None:
    assert len(found(gc402, moving(LIMIT * times))) == count


@pytest.mark.parametrize("loss", ["learning", "converged", "slow"])
def test_large_steps_of_a_network_that_learns_are_fine(loss: str) -> None:
    assert not found(gc402, moving(1.0, loss))


def test_one_layer_that_started_at_zero_is_not_the_median() -> None:
    assert not found(gc402, with_reading(moving(1e-3), "l3", update=moments(30.0)))


def test_says_so_when_the_loss_can_not_be_judged_yet() -> None:
    trace = a_trace(loss=losses("stalled", 5), update=1.0)
    assert "too few steps" in skipped(gc402, trace).reason


def test_says_so_when_no_update_was_seen() -> None:
    assert "update" in skipped(gc402, a_trace(())).reason


def test_what_weight_decay_takes_is_not_a_step_along_the_gradient() -> None:
    trace = moving(1.0)
    for path in ("l0", "l1", "l2", "l3"):
        trace = with_parameter(trace, path, weight_decay=0.5)
    assert found(gc402, trace)
    last = trace.steps[-1].readings
    shrunk = {k: replace(r, weight=moments(0.1), update=moments(0.1)) for k, r in last.items()}
    steps = tuple(replace(s, readings=shrunk) for s in trace.steps[1:])
    assert "no update" in skipped(gc402, replace(trace, steps=(trace.steps[0], *steps))).reason


@pytest.mark.parametrize(("steps", "count"), [(2, 0), (5, 1)])
def test_large_steps_count_when_they_last_for_a_part_of_the_run(steps: int, count: int) -> None:
    large, small = moving(1.0), moving(1e-3)
    trace = replace(large, steps=(*large.steps[:steps], *small.steps[steps:]))
    assert len(found(gc402, trace)) == count


@pytest.mark.parametrize(("ratio", "count"), [(0.9, 0), (1.1, 1)])
@pytest.mark.parametrize("beside", [False, True])
def test_where_the_size_of_the_loss_tells_nothing_only_steps_as_large_as_the_layers_count(
    ratio: float, count: int, *, beside: bool
) -> None:
    trace, why = moving(ratio), "several models are trained against each other"
    if not beside:
        trace = replace(trace, loss=replace(trace.loss, surrogate=why))
    told = judge(trace, Policy(select=("GC402",)), mute=why if beside else "")
    assert len(told.findings) == count
    assert all("does not tell whether it learns" in f.message for f in told.findings)
    assert all(f.evidence[0].limit == 1.0 for f in told.findings)
