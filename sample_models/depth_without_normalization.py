"""Thirty-four GELU layers without a normalization.

GELU is nearly x / 2 for small x: the smaller the signal the more each layer shrinks it. Xavier
initialization, which is sound for a few layers, does not prevent that over thirty-four: signal
and gradient both die out.

Finding: vanishing-gradient
Cause: depth-without-normalization
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def block() -> list[nn.Module]:
    """One hidden layer, with Xavier initialization."""
    linear = nn.Linear(64, 64)
    nn.init.xavier_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
    return [linear, nn.GELU()]


def build_model() -> nn.Module:
    """Thirty-four hidden layers and a head."""
    layers = [layer for _ in range(34) for layer in block()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam, a little slower than usual."""
    return torch.optim.Adam(model.parameters(), lr=3e-4)


def healthy_model() -> nn.Module:
    """A LayerNorm before each activation restores the size of the signal, and of the gradient."""
    layers = [layer for _ in range(34) for layer in (block()[0], nn.LayerNorm(64), nn.GELU())]
    return nn.Sequential(*layers, nn.Linear(64, 10))
