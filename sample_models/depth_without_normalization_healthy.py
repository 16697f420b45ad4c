"""The twin of depth_without_normalization: a LayerNorm before each activation.

Each normalization restores the size of the signal, and with it that of the gradient.

Finding: none
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
    return [linear, nn.LayerNorm(64), nn.GELU()]


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
