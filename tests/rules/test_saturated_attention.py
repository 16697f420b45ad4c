"""GC204: attention that looks at one position."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Role
from gradcheck_cli.rules.flat import saturated_attention as gc204
from tests.support.a_trace import (
    a_trace,
    found,
    skipped,
    with_layer,
    with_reading,
)

LIMIT = gc204.thresholds["entropy"]


def attention(entropy: float, loss: str = "stalled"):
    trace = with_reading(a_trace(loss=loss), "l1", entropy=entropy)
    return with_layer(trace, "l1", role=Role.ATTENTION, kind="MultiheadAttention")


def test_names_the_layer_and_the_entropy() -> None:
    [finding] = found(gc204, attention(0.001))
    assert (finding.code, finding.layers, finding.severity) == ("GC204", ("l1",), Severity.ERROR)
    assert (finding.evidence[0].measured, finding.evidence[0].limit) == (0.001, LIMIT)


@pytest.mark.parametrize(("times", "count"), [(0.99, 1), (1.01, 0)])
def test_the_limit_is_where_the_card_says(times: float, count: int) -> None:
    assert len(found(gc204, attention(LIMIT * times))) == count


@pytest.mark.parametrize("loss", ["learning", "slow"])
def test_sharp_heads_are_a_note_while_the_loss_falls(loss: str) -> None:
    assert {f.severity for f in found(gc204, attention(0.001, loss))} == {Severity.NOTE}


def test_says_so_when_no_attention_was_visible() -> None:
    assert "attention" in skipped(gc204, a_trace()).reason
