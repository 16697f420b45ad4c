"""A regression whose learning rate is just too high: the loss jumps."""

import torch
from torch import nn


def build_model() -> nn.Module:
    """Return a small network."""
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))


def make_data() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 256 samples with a smooth target."""
    inputs = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
    return inputs, torch.sin(inputs.sum(1, keepdim=True))


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Return plain SGD."""
    return torch.optim.SGD(model.parameters(), lr=0.7)
