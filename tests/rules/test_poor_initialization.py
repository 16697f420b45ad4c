"""GC301: weights that lose the signal, or make all units the same."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.poor_initialization import poor_initialization as gc301
from tests.support.a_trace import (
    a_trace,
    found,
    moments,
    skipped,
    with_layer,
    with_parameter,
    with_reading,
)

LIMIT = gc301.thresholds


def shrinking(per_layer: float, count: int = 16, loss: str = "stalled"):
    trace = a_trace((1e-2,) * count, loss)
    for i in range(count):
        trace = with_reading(trace, f"l{i}", output=moments(per_layer**i))
    return trace


def twins(loss: str = "stalled"):
    return with_parameter(a_trace((1e-2,) * 3, loss), "l1", rows_identical=True)


def test_names_the_factor_and_its_depth_scale() -> None:
    [finding] = found(gc301, shrinking(0.5))
    assert (finding.code, finding.severity, len(finding.layers)) == ("GC301", Severity.ERROR, 16)
    assert finding.evidence[0].measured == pytest.approx(0.5)
    assert "shrink by a factor 2 per layer" in finding.message
    assert "the depth scale is about 4 layers; the network has 16" in finding.message


@pytest.mark.parametrize("grows", [True, False])
@pytest.mark.parametrize(("more", "count"), [(1.01, 1), (0.99, 0)])
def test_the_limit_per_layer_is_where_the_card_says(grows: bool, more: float, count: int) -> None:
    factor = LIMIT["per_layer"] * more
    trace = shrinking(factor if grows else 1 / factor, 20)
    assert len(found(gc301, trace)) == count


def test_a_network_that_the_signal_survives_is_not_flagged() -> None:
    assert found(gc301, shrinking(0.5, 6))
    assert not found(gc301, shrinking(0.5, 4))


def test_gradients_are_judged_where_outputs_keep_their_size() -> None:
    [finding] = found(gc301, a_trace([1e-2 * 0.5 ** (16 - i) for i in range(16)]))
    assert "gradients shrink" in finding.message


@pytest.mark.parametrize("loss", ["learning", "slow", "converged"])
def test_lost_signals_are_a_note_at_most_while_the_loss_falls(loss: str) -> None:
    assert {f.severity for f in found(gc301, shrinking(0.5, loss=loss))} <= {Severity.NOTE}


def test_normalized_layers_and_skips_set_the_size_themselves() -> None:
    assert not found(gc301, with_layer(shrinking(0.5), "l3", normalized=True))
    assert not found(gc301, replace(shrinking(0.5), skips=True))


def test_identical_units_are_named() -> None:
    [finding] = found(gc301, twins())
    assert (finding.layers, finding.severity) == (("l1",), Severity.ERROR)
    assert "single unit" in finding.message


def test_a_zero_gate_that_got_no_gradient_yet_and_a_frozen_layer_are_not_twins() -> None:
    frozen = with_parameter(twins(), "l1", trainable=False)
    assert skipped(gc301, frozen).reason
    unread = with_reading(twins(), "l1", weight_grad=moments(0.0), weight=moments(0.3))
    assert skipped(gc301, unread).reason


def test_says_so_when_there_are_too_few_layers_in_a_row() -> None:
    assert "four" in skipped(gc301, a_trace((1e-2,) * 3)).reason
