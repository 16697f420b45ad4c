"""GC603: layers that do not ask for a gradient, as information."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Parameter
from gradcheck_cli.rules.outside import frozen_parameter as gc603
from tests.support.a_trace import (
    a_trace,
    found,
    moments,
    skipped,
    with_layer,
    with_parameter,
    with_reading,
)


def test_names_the_layers_and_their_share_as_a_note() -> None:
    [finding] = found(gc603, with_parameter(a_trace(), "l0", trainable=False))
    assert (finding.code, finding.severity, finding.layers) == ("GC603", Severity.NOTE, ("l0",))
    assert finding.evidence[0].measured == pytest.approx(0.25)
    assert "25 %" in finding.message


def test_a_layer_with_one_trainable_parameter_is_not_frozen() -> None:
    frozen = Parameter(name="l0.bias", shape=(8,), trainable=False)
    layer = a_trace().layer("l0")
    assert not found(gc603, with_layer(a_trace(), "l0", parameters=(*layer.parameters, frozen)))


def test_a_frozen_parameter_without_elements_has_no_share() -> None:
    empty = with_parameter(a_trace((1e-2,)), "l0", shape=(0, 8), trainable=False)
    assert [f.evidence[0].measured for f in found(gc603, empty)] in ([], [0.0])


def test_says_so_when_there_are_no_layers() -> None:
    assert "no layer" in skipped(gc603, a_trace(())).reason


def test_a_learning_rate_of_zero_is_a_note_that_names_the_layers() -> None:
    still = with_parameter(a_trace(loss="learning"), "l1", learning_rate=0.0)
    still = with_reading(still, "l1", update=moments(0.0))
    [finding] = found(gc603, still)
    assert (finding.severity, finding.layers) == (Severity.NOTE, ("l1",))
    assert "learning rate of 0" in finding.message


def test_a_rate_that_warms_up_from_zero_is_none() -> None:
    assert not found(gc603, with_parameter(a_trace(), "l1", learning_rate=0.0))
