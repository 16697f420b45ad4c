"""GC604: layers that never run, as information."""

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.outside import never_called as gc604
from tests.support.a_trace import (
    a_trace,
    found,
    with_layer,
    with_parameter,
)


def idle(*paths: str):
    trace = a_trace()
    for path in paths:
        trace = with_parameter(with_layer(trace, path, called=False), path, reached=False)
    return trace


def test_names_the_layers_and_their_number_as_a_note() -> None:
    [finding] = found(gc604, idle("l1", "l3"))
    assert (finding.code, finding.severity) == ("GC604", Severity.NOTE)
    assert finding.layers == ("l1", "l3")
    assert finding.evidence[0].measured == 2


def test_layers_that_run_or_are_frozen_are_not_named() -> None:
    assert not found(gc604, idle())
    assert not found(gc604, with_parameter(idle("l1"), "l1", trainable=False))
    assert not found(gc604, with_parameter(idle("l1"), "l1", reached=True))  # a bare parameter
