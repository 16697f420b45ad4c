"""GC605: ranks that no longer hold the same model."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Drift
from gradcheck_cli.rules.copies import drifted_replicas as gc605
from tests.support.a_trace import a_trace, found

LIMIT = gc605.thresholds["apart"]


def apart(by: float, step: int = 3):
    drift = Drift(layer="l1", step=step, rank=1, low=1.0 - by, high=1.0)
    return replace(a_trace(), drifts=(drift,))


def test_names_the_layer_the_step_and_both_norms() -> None:
    [finding] = found(gc605, apart(0.5))
    assert (finding.code, finding.severity) == ("GC605", Severity.ERROR)
    assert (finding.layers, finding.first_step) == (("l1",), 3)
    assert finding.evidence[0].measured == pytest.approx(0.5)
    assert "0.5" in finding.message


@pytest.mark.parametrize(("times", "count"), [(0.9, 0), (1.1, 1)])
def test_the_limit_is_where_the_card_says(times: float, count: int) -> None:
    assert len(found(gc605, apart(LIMIT * times))) == count


def test_replicas_that_are_all_zero_do_not_divide_by_zero() -> None:
    drift = Drift(layer="l1", step=0, rank=1, low=0.0, high=0.0)
    assert not found(gc605, replace(a_trace(), drifts=(drift,)))


def test_one_process_alone_has_no_replicas_to_drift() -> None:
    assert not found(gc605, a_trace())
