"""GC502: gradients that 16 bits round to zero."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.mixed_precision import precision_underflow as gc502
from tests.support.a_trace import (
    a_trace,
    found,
    moments,
    skipped,
    with_nonlinearity,
    with_parameter,
    with_reading,
)

LIMIT = gc502.thresholds["zeros"]


def half(zeros: float, loss: str = "stalled", precision: str = "fp16"):
    trace = a_trace(loss=loss, precision=precision)
    for path in ("l0", "l1", "l2"):
        trace = with_reading(trace, path, weight_grad=moments(1e-7, zeros=zeros))
    return trace


def test_names_the_layers_and_the_share() -> None:
    [finding] = found(gc502, half(0.75))
    assert (finding.code, finding.severity) == ("GC502", Severity.ERROR)
    assert finding.layers == ("l0", "l1", "l2")
    assert finding.evidence[0].measured == pytest.approx(0.75)


@pytest.mark.parametrize(("more", "count"), [(0, 0), (1 / 64, 1)])
def test_the_limit_is_where_the_card_says(more: float, count: int) -> None:
    assert len(found(gc502, half(LIMIT + more))) == count


def test_a_network_that_learns_all_the_same_is_a_note_at_most() -> None:
    assert {f.severity for f in found(gc502, half(0.75, "learning"))} <= {Severity.NOTE}


def test_zeros_of_dead_units_are_none_of_its_business() -> None:
    assert not found(gc502, with_nonlinearity(half(0.75), dead=0.9))


def test_weights_of_16_bits_count_as_well_as_autocast() -> None:
    trace = with_parameter(half(0.75, precision="float32"), "l0", dtype="bfloat16")
    assert len(found(gc502, trace)) == 1


def test_says_so_at_32_bits_and_without_gradients() -> None:
    assert "32 bits" in skipped(gc502, a_trace()).reason
    assert "gradient" in skipped(gc502, a_trace((), precision="fp16")).reason
