"""A model that was trained is changed and trained again: each stage is a training of its own."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.support.loops import adam, batch, mistakes, small, watched

STEPS = 40


def fit(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    for _ in range(STEPS):
        x, y = batch()
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def another_head() -> None:
    """What was trained is frozen below a new layer."""
    model = small()
    fit(model, adam(model))
    model.requires_grad_(requires_grad=False)
    model[2] = nn.Linear(16, 3)
    fit(model, adam(model[2]))


class Beside(nn.Module):
    """A frozen layer, and a product beside it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(requires_grad=False)
        self.down = nn.Parameter(0.1 * torch.randn(4, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + x @ self.down.T @ self.up.T


def adapters() -> None:
    model = small()
    fit(model, adam(model))
    for place in (0, 2):
        model[place] = Beside(model[place])
    held = [p for p in model.parameters() if p.requires_grad]
    fit(model, torch.optim.Adam(held, 1e-2))


@pytest.mark.parametrize("loop", [another_head, adapters])
def test_the_layers_that_a_later_stage_trains_are_read(loop: Callable[[], None]) -> None:
    first, second = watched(loop)
    assert first.steps >= STEPS
    assert second.steps >= STEPS - 3
    trace = second.trace()
    trained = [x for x in trace.layers if x.parameters and x.trainable]
    read = [r for s in trace.observed for x in trained if (r := s.readings.get(x.path))]
    assert any(r.weight_grad is not None and r.weight_grad.norm > 0 for r in read)
    assert not mistakes(loop)


def test_an_optimizer_of_the_same_parameters_goes_on_with_the_training() -> None:
    def polished() -> None:
        model = small()
        for _ in range(2):
            fit(model, adam(model))

    [session] = watched(polished)
    assert session.steps >= 2 * STEPS - 1
