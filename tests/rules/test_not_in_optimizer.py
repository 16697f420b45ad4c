"""GC602: gradients that no optimizer uses."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.outside import not_in_optimizer as gc602
from tests.support.a_trace import (
    a_trace,
    found,
    skipped,
    with_layer,
    with_parameter,
)


def missed(*paths: str):
    trace = a_trace()
    for path in paths:
        trace = with_parameter(trace, path, optimized=False)
    return trace


def test_names_the_layers_and_their_share() -> None:
    [finding] = found(gc602, missed("l1", "l2"))
    assert (finding.code, finding.severity) == ("GC602", Severity.ERROR)
    assert finding.layers == ("l1", "l2")
    assert finding.evidence[0].measured == pytest.approx(0.5)


def test_frozen_unused_and_unreached_layers_are_not_missed() -> None:
    assert not found(gc602, missed())
    assert not found(gc602, with_parameter(missed("l0"), "l0", trainable=False))
    assert not found(gc602, with_layer(missed("l0"), "l0", depth=None))
    assert not found(gc602, with_layer(missed("l0"), "l0", gradient_arrives=False))


def test_says_so_when_no_optimizer_was_seen() -> None:
    assert "no optimizer" in skipped(gc602, missed("l0", "l1", "l2", "l3")).reason
