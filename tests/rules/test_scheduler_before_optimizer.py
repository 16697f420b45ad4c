"""GC814: a scheduler that steps before the first update."""

import pytest
from torch.optim.lr_scheduler import StepLR

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, loss_of, quiet, small


@pytest.mark.parametrize("first", [True, False])
def test_the_order_is_a_note_with_the_line_of_the_scheduler(*, first: bool) -> None:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        scheduler = StepLR(optimizer, 100)
        for _ in range(12):
            optimizer.zero_grad()
            loss_of(model).backward()
            if first:
                scheduler.step()
            optimizer.step()
            if not first:
                scheduler.step()

    found = findings(quiet(loop)).get("scheduler-before-optimizer")
    assert (found is not None) is first
    if found is not None:
        assert found.severity is Severity.NOTE
        assert "StepLR" in found.message
        assert found.at is not None
