"""GC201: units that are silent on every sample."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.flat import dying_relu as gc201
from tests.support.a_trace import (
    a_trace,
    found,
    skipped,
    with_nonlinearity,
    with_outputs_that_part,
)

LIMIT = gc201.thresholds


def relu(dead: float, loss: str = "stalled"):
    return with_nonlinearity(
        with_nonlinearity(a_trace(loss=loss), "well", dead=0.0), "sick", dead=dead
    )


def test_names_the_layer_and_the_share_of_dead_units() -> None:
    [finding] = found(gc201, relu(0.9))
    assert (finding.code, finding.layers, finding.severity) == (
        "GC201",
        ("sick",),
        Severity.WARNING,
    )
    assert finding.evidence[0].measured == pytest.approx(0.9)
    assert finding.evidence[0].limit == LIMIT["dead"]
    assert "90 %" in finding.message


@pytest.mark.parametrize(("more", "count"), [(-0.01, 0), (0.01, 1)])
def test_the_limit_is_where_the_card_says(more: float, count: int) -> None:
    assert len(found(gc201, relu(LIMIT["dead"] + more))) == count


@pytest.mark.parametrize(("more", "severity"), [(-0.01, Severity.NOTE), (0.01, Severity.ERROR)])
def test_while_the_loss_falls_slowly_nearly_all_units_have_to_be_dead(
    more: float, severity: Severity
) -> None:
    [finding] = found(gc201, relu(LIMIT["nearly_all"] + more, "slow"))
    assert finding.severity is severity


def test_some_living_units_beside_a_loss_that_stands_are_a_warning_unless_it_will_fall() -> None:
    trace = relu(0.9)
    assert [f.severity for f in found(gc201, trace)] == [Severity.WARNING]
    assert [f.severity for f in found(gc201, relu(0.99))] == [Severity.ERROR]
    assert [f.severity for f in found(gc201, relu(0.9, "diverging"))] == [Severity.ERROR]
    assert [f.severity for f in found(gc201, with_outputs_that_part(trace))] == [Severity.NOTE]


def test_dead_units_in_a_network_that_learns_are_a_note() -> None:
    assert [f.severity for f in found(gc201, relu(0.99, "learning"))] == [Severity.NOTE]


def test_sparse_outputs_without_dead_units_are_healthy() -> None:
    assert not found(gc201, relu(0.0))


def test_says_so_when_no_unit_can_die() -> None:
    assert "ReLU" in skipped(gc201, a_trace()).reason
