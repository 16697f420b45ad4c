"""GC202: bounded nonlinearities at their flat ends."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Reading
from gradcheck_cli.rules.flat import saturated_activation as gc202
from tests.support.a_trace import (
    a_trace,
    found,
    moments,
    skipped,
    with_nonlinearity,
    with_outputs_that_part,
)

LIMIT = gc202.thresholds["saturated"]


def tanh(share: float, loss: str = "stalled"):
    trace = with_nonlinearity(a_trace(loss=loss), "well", "Tanh", saturated=0.01)
    return with_nonlinearity(trace, "sick", "Tanh", saturated=share)


def test_names_the_layer_and_the_share() -> None:
    [finding] = found(gc202, tanh(0.9))
    assert (finding.code, finding.layers, finding.severity) == ("GC202", ("sick",), Severity.ERROR)
    assert (finding.evidence[0].measured, finding.evidence[0].limit) == (0.9, LIMIT)
    assert "sick (Tanh)" in finding.message


@pytest.mark.parametrize(("more", "count"), [(-0.01, 0), (0.01, 1)])
def test_the_limit_is_where_the_card_says(more: float, count: int) -> None:
    assert len(found(gc202, tanh(LIMIT + more))) == count


@pytest.mark.parametrize("loss", ["learning", "converged"])
def test_saturation_in_a_network_that_learns_is_a_note_at_most(loss: str) -> None:
    assert {f.severity for f in found(gc202, tanh(0.9, loss))} <= {Severity.NOTE}


def test_says_so_when_nothing_can_saturate() -> None:
    assert "two flat sides" in skipped(gc202, with_nonlinearity(a_trace(), dead=0.5)).reason


@pytest.mark.parametrize(("growth", "severity"), [(1.2, Severity.NOTE), (1.0, Severity.ERROR)])
def test_a_gradient_that_comes_back_by_a_decade_makes_it_a_note(
    growth: float, severity: Severity
) -> None:
    trace = with_nonlinearity(a_trace(loss="slow"), "act", "Sigmoid", saturated=0.9)
    trace = with_outputs_that_part(trace)
    steps = [
        replace(
            s,
            readings={
                **s.readings,
                "l3": replace(s.readings["l3"], weight_grad=moments(1e-2 * growth**s.index)),
            },
        )
        for s in trace.steps
    ]
    answer = found(gc202, replace(trace, steps=tuple(steps)))
    assert [f.severity for f in answer] == [severity]


@pytest.mark.parametrize(
    ("loss", "by", "severity"),
    [
        ("slow", -0.01, Severity.NOTE),
        ("slow", 0.0, Severity.ERROR),
        ([1 - 0.005 * i for i in range(60)], -0.005, Severity.NOTE),
        ([1 - 0.005 * i for i in range(60)], 0.0, Severity.WARNING),
    ],
)
def test_units_that_come_back_make_it_a_note(
    loss: str | list[float], by: float, severity: Severity
) -> None:
    trace = with_outputs_that_part(with_nonlinearity(a_trace(loss=loss), "act", "Sigmoid"))
    steps = [
        replace(s, readings={**s.readings, "act": Reading(saturated=0.99 + by * s.index)})
        for s in trace.steps
    ]
    answer = found(gc202, replace(trace, steps=tuple(steps)))
    assert [f.severity for f in answer] == [severity]


@pytest.mark.parametrize(
    ("adaptive", "depth", "update", "severity"),
    [
        (True, 1, 3e-4, Severity.NOTE),
        (True, 1, 3e-5, Severity.WARNING),
        (True, 0, 3e-4, Severity.WARNING),
        (False, 1, 3e-4, Severity.WARNING),
    ],
)
def test_flat_units_over_layers_that_move_all_the_same_are_a_note(
    depth: int, update: float, severity: Severity, *, adaptive: bool
) -> None:
    """Adam moves weights as far by small gradients as by large ones; at the output it does not help."""
    loss = [1 - 0.005 * i for i in range(60)]
    moved = a_trace(loss=loss, update=update, adaptive=adaptive)
    [finding] = found(gc202, with_nonlinearity(moved, "act", "Tanh", depth=depth, saturated=0.9))
    assert finding.severity is severity
