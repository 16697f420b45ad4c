"""GC404: the loss grows."""

import pytest

from gradcheck_cli.records.finding import Severity
from gradcheck_cli.rules.loss_curve import diverging_loss as gc404
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    losses,
    skipped,
)


def test_says_from_where_to_where_it_grows() -> None:
    [finding] = found(gc404, a_trace(loss="diverging"))
    assert (finding.code, finding.severity) == ("GC404", Severity.ERROR)
    evidence = finding.evidence[0]
    assert evidence.limit is not None
    assert evidence.measured > evidence.limit > 2 * GUESSING * 0.9


@pytest.mark.parametrize(("times", "count"), [(1.9, 0), (2.1, 1)])
def test_the_limit_is_twice_the_beginning_as_the_card_says(times: float, count: int) -> None:
    rising = [GUESSING * (1 + (times - 1) * min(1, max(0, i - 3) / 15)) for i in range(30)]
    assert len(found(gc404, a_trace(loss=rising))) == count


def test_a_rise_that_comes_down_again_is_none() -> None:
    curve = [GUESSING * (5 if 3 < i < 12 else 1) * 0.97**i for i in range(30)]
    assert not found(gc404, a_trace(loss=curve))


@pytest.mark.parametrize("loss", ["stalled", "learning", "slow", "converged", "broken"])
def test_other_losses_do_not_diverge(loss: str) -> None:
    assert not found(gc404, a_trace(loss=loss))


def test_says_so_when_there_were_too_few_steps() -> None:
    assert "few" in skipped(gc404, a_trace(loss=losses("stalled", 5))).reason
