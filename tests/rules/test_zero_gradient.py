"""GC103: gradients that are zero in every number."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Role
from gradcheck_cli.rules.no_gradient import zero_gradient as gc103
from tests.support.a_trace import (
    SIZE,
    a_trace,
    found,
    moments,
    skipped,
    with_layer,
    with_nonlinearity,
    with_parameter,
    with_reading,
)


def zeroed(*paths: str, loss: str = "stalled", share: float = 1.0, count: int = 4):
    trace = a_trace((1e-2,) * count, loss)
    for path in paths:
        rms = 0.0 if share == 1 else 1e-2
        trace = with_reading(trace, path, weight_grad=moments(rms, zeros=share))
    return trace


def test_names_the_layers_and_their_share() -> None:
    [finding] = found(gc103, zeroed("l0", "l1"))
    assert (finding.code, finding.layers) == ("GC103", ("l0", "l1"))
    assert finding.severity is Severity.ERROR
    assert finding.evidence[0].measured == pytest.approx(0.5)


def test_one_number_that_is_not_zero_is_a_gradient() -> None:
    assert not found(gc103, zeroed("l0", share=1 - 1 / SIZE))


@pytest.mark.parametrize(("paths", "severity"), [(1, Severity.NOTE), (4, Severity.ERROR)])
def test_above_the_lowest_layer_many_have_to_be_zero(paths: int, severity: Severity) -> None:
    share = gc103.thresholds["lowest_share"]
    layers = [f"l{i}" for i in range(1, 1 + paths)]
    [finding] = found(gc103, zeroed(*layers, count=6))
    assert (paths / 6 > share) is (severity is Severity.ERROR)
    assert finding.severity is severity


@pytest.mark.parametrize("loss", ["learning", "converged"])
def test_zeros_beside_a_loss_that_falls_are_a_note(loss: str) -> None:
    [finding] = found(gc103, zeroed("l0", loss=loss))
    assert finding.severity is Severity.NOTE


def test_an_expert_that_no_sample_was_routed_to_is_a_note() -> None:
    assert [f.severity for f in found(gc103, zeroed("l1"))] == [Severity.NOTE]


def test_rows_of_an_embedding_that_did_not_occur_are_no_zero_gradient() -> None:
    trace = with_layer(zeroed("l0", share=0.95), "l0", role=Role.EMBEDDING, kind="Embedding")
    assert not found(gc103, trace)


def test_a_frozen_layer_is_not_flagged() -> None:
    assert not found(gc103, with_parameter(zeroed("l0"), "l0", trainable=False))


def test_says_so_when_no_gradient_was_read() -> None:
    assert "no weight layer" in skipped(gc103, a_trace(())).reason


@pytest.mark.parametrize(
    ("kind", "severity"), [("Sigmoid", Severity.NOTE), ("Clamp", Severity.ERROR)]
)
def test_what_rounding_leaves_below_a_saturated_smooth_unit_is_a_note(
    kind: str, severity: Severity
) -> None:
    trace = with_nonlinearity(zeroed("l0", "l1"), "unit", kind, saturated=1.0)
    assert [f.severity for f in found(gc103, trace)] == [severity]
