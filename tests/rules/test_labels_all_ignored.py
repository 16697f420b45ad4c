"""GC812: batches whose labels are all ignored."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.support.loops import adam, findings, mistakes, report, small

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


Made = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def masked(loss: Made, *, keep: float = 0.0, size: int = 32) -> Callable[[], None]:
    """Return a loop with a mask that keeps this share; `loss` is made of outputs, values and the mask."""

    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            x = torch.randn(size, 6)
            mask = (torch.rand(size, 3) < keep).float()
            optimizer.zero_grad()
            loss(model(x), x[:, :3].tanh(), mask).backward()
            optimizer.step()

    return loop


def of_single_values(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (F.mse_loss(out, y, reduction="none") * mask).mean()


def per_value_kept(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (F.l1_loss(out, y, reduction="none") * mask).sum() / mask.sum()


def by_hand(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (mask * (out - y) ** 2).sum()


def of_both_sides(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(out * mask, y * mask)


def chosen(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(out[mask.bool()], y[mask.bool()], reduction="sum")


def labels(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (F.cross_entropy(out, y.argmax(1), reduction="none") * mask[:, 0]).sum()


def weighed(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(out, y.sigmoid(), weight=mask)


LOSSES = [of_single_values, per_value_kept, by_hand, of_both_sides, chosen, labels, weighed]


@pytest.mark.parametrize("loss", LOSSES)
def test_masks_made_by_hand_that_leave_nothing_are_found(loss: Made) -> None:
    assert mistakes(masked(loss)) == {NAME}


@pytest.mark.parametrize("loss", LOSSES)
def test_masks_that_leave_a_part_are_fine(loss: Made) -> None:
    assert mistakes(masked(loss, keep=0.3)) == set()


def test_empty_batches_are_found() -> None:
    assert NAME in mistakes(masked(lambda out, y, _: F.mse_loss(out, y, reduction="sum"), size=0))


def margin_kept(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """What is below the margin is 0 by itself, and the mask keeps a part."""
    return (F.relu(F.mse_loss(out, y, reduction="none") - 100) * mask).mean() + 0 * out.mean()


def weight_of_zero(out: torch.Tensor, y: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """A second term that does not count yet."""
    return F.mse_loss(out, y) + 0.0 * (F.l1_loss(out, y, reduction="none") * mask).mean()


@pytest.mark.parametrize("loss", [margin_kept, weight_of_zero])
def test_losses_that_are_zero_for_another_reason_are_fine(loss: Made) -> None:
    assert mistakes(masked(loss, keep=0.5)) == set()


PADDED = ignoring(lambda _, y: torch.where(torch.rand(len(y)) < 0.9, -100, y))


@pytest.mark.parametrize("loop", [PADDED, ignoring(lambda _, y: y)], ids=["padding", "none"])
def test_labels_of_which_some_are_left_are_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()
