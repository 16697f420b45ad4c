"""Targets of a binary cross-entropy that are no chances are charged to the targets, not to the output."""

import pytest

from gradcheck_cli.causes.base import Evidence
from gradcheck_cli.causes.of_experiments import loss_without_bound, target_outside_loss_domain
from gradcheck_cli.causes.of_wiring import wrong_output_activation
from gradcheck_cli.features.mismatch import mismatch
from gradcheck_cli.records.trace import DataFacts, LossFacts, Trace
from gradcheck_cli.rules.loss_calls import mismatched_loss


@pytest.mark.parametrize(
    ("low", "high", "wrong"),
    [(-1.0, 1.0, True), (0.0, 9.0, True), (0.0, 1.0, False), (-0.1, 1.2, False)],
)
def test_targets_outside_of_chances(low: float, high: float, wrong: bool) -> None:
    loss = LossFacts(kind="binary_cross_entropy_with_logits")
    trace = Trace(loss=loss, data=DataFacts(target_low=low, target_high=high))
    assert (mismatch(trace) is not None) is wrong
    if wrong:
        found = mismatched_loss(trace)
        assert isinstance(found, list)
        seen = Evidence(trace, tuple(found))
        assert wrong_output_activation.function(seen) is None
        assert loss_without_bound.function(seen) is None  # but where an experiment saw it
        support = target_outside_loss_domain.function(seen)
        assert support is not None
        assert "without end" in support.reasons[0]
