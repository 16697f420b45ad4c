"""GC813: reentrant checkpoints of inputs without a gradient."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import CheckpointFunction, checkpoint

from tests.support.loops import adam, batch, findings, mistakes, quiet, small

NAME = "checkpoint-cuts-gradient"


class Checkpointed(nn.Module):
    """Two blocks, each in a checkpoint."""

    def __init__(self, run: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.second = small(6, 8), small(8, 3)
        self.run = run

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.run(self.first, x))


def trained(run: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> Callable[[], None]:
    def loop() -> None:
        model = Checkpointed(run)
        optimizer = adam(model)
        for _ in range(10):
            x, y = batch()
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
        with torch.no_grad():
            model(x)

    return quiet(loop)


@pytest.mark.parametrize(
    "run",
    [
        lambda block, x: checkpoint(block, x, use_reentrant=True),
        lambda block, x: checkpoint(partial(block.forward), x, use_reentrant=True),
        lambda block, x: checkpoint(lambda z: block(z), x, use_reentrant=True),  # noqa: PLW0108
    ],
    ids=["module", "partial", "closure"],
)
def test_what_is_inside_is_named_with_the_line_of_the_checkpoint(
    run: Callable[[nn.Module, torch.Tensor], torch.Tensor],
) -> None:
    found = findings(trained(run))[NAME]
    assert "Sequential" in found.message
    assert found.at is not None
    assert found.at.file.endswith("test_checkpoint_cuts_gradient.py")


def with_gradient(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return checkpoint(block, x.requires_grad_(), use_reentrant=True)


def not_reentrant(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return checkpoint(block, x, use_reentrant=False)


def nothing_to_train(block: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return checkpoint(block.requires_grad_(requires_grad=False), x, use_reentrant=True)


@pytest.mark.parametrize("run", [with_gradient, not_reentrant, nothing_to_train])
def test_checkpoints_that_pass_gradients_on_are_fine(
    run: Callable[[nn.Module, torch.Tensor], torch.Tensor],
) -> None:
    assert mistakes(trained(run)) == set()
    assert "apply" not in vars(CheckpointFunction)
