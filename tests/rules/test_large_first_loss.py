"""GC302: a first loss many times that of guessing."""

from dataclasses import replace

import pytest

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import LossFacts, Trace
from gradcheck_cli.rules.beside_constant import large_first_loss as gc302
from tests.support.a_trace import (
    GUESSING,
    a_trace,
    found,
    skipped,
)
from tests.support.answered import answer


def begun(ratio: float | None, loss: str) -> Trace:
    facts = LossFacts(kind="cross_entropy", classes=10, baseline=GUESSING, first_over_guess=ratio)
    return replace(a_trace(loss=loss), loss=facts)


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [(Outcome.WRONG, Severity.WARNING), (Outcome.FINE, Severity.NOTE), (None, Severity.NOTE)],
)
def test_it_is_a_warning_where_smaller_scores_learn_more(
    outcome: Outcome | None, severity: Severity
) -> None:
    tried = () if outcome is None else (answer("smaller-scores", outcome),)
    [finding] = found(gc302, replace(begun(15.0, "stalled"), examination=tried))
    assert finding.severity is severity
    assert finding.evidence[0].measured == 15


@pytest.mark.parametrize("ratio", [0.3, 1.0, 2.5, 3.9])
def test_usual_first_losses_pass(ratio: float) -> None:
    assert not found(gc302, begun(ratio, "stalled"))


def test_of_other_losses_it_cannot_tell() -> None:
    assert "classifier" in skipped(gc302, begun(None, "stalled")).reason
