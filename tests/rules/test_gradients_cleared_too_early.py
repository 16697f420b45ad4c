"""GC817: gradients that are cleared between backward pass and update."""

from collections.abc import Callable

import pytest
from torch import nn

from tests.support.loops import adam, findings, loss_of, mistakes, small

NAME = "gradients-cleared-too-early"


def between(*, to_none: bool) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            loss_of(model).backward()
            optimizer.zero_grad(set_to_none=to_none)
            optimizer.step()

    return loop


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_cleared_before_the_update_are_named_with_its_line(to_none: bool) -> None:
    found = findings(between(to_none=to_none))
    assert found[NAME].at is not None
    assert "optimizer-of-another-model" not in found


def test_clearing_after_the_update_is_fine() -> None:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            loss_of(model).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)

    assert mistakes(loop) == set()


def test_gradients_that_were_zero_before_they_were_clipped_are_not_cleared() -> None:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            optimizer.zero_grad()
            (0 * loss_of(model)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    assert NAME not in findings(loop)
