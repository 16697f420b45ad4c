"""GC812: batches whose labels are all ignored."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.loops import adam, findings, mistakes, report, small

NAME = "labels-all-ignored"


def ignoring(
    mask: Callable[[int, torch.Tensor], torch.Tensor], index: int = -100, reduction: str = "mean"
) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for i in range(20):
            x = torch.randn(32, 6)
            y = mask(i, x[:, :3].argmax(1))
            loss = nn.functional.cross_entropy(model(x), y, ignore_index=index, reduction=reduction)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return loop


ALL = ignoring(lambda _, y: torch.full_like(y, -100))
SUM = ignoring(lambda _, y: torch.full_like(y, 2), index=2, reduction="sum")
HALF = ignoring(lambda i, y: torch.full_like(y, -100) if i % 2 else y)


@pytest.mark.parametrize("loop", [ALL, SUM, HALF], ids=["all", "another index", "half"])
def test_it_is_found_and_leads_the_report(loop: Callable[[], None]) -> None:
    assert NAME in findings(loop)
    assert report(loop).headline.startswith(NAME)


PADDED = ignoring(lambda _, y: torch.where(torch.rand(len(y)) < 0.9, -100, y))


@pytest.mark.parametrize("loop", [PADDED, ignoring(lambda _, y: y)], ids=["padding", "none"])
def test_labels_of_which_some_are_left_are_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()
