"""Pixels from 0 to 255 fed to tanh units as they are.

The first layer's sums reach the hundreds, where tanh is flat: its units are pinned at -1 or 1,
and hardly any gradient passes through them.

Finding: saturated-activation
Cause: unnormalized-input
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import labels, pixels


def build_model() -> nn.Module:
    """Two hidden layers and a head."""
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 10),
    )


def train_data() -> TensorDataset:
    """Images as read from file, and their digits."""
    return TensorDataset(pixels(), labels())


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Plain gradient descent."""
    return torch.optim.SGD(model.parameters(), lr=0.1)


def healthy_data() -> TensorDataset:
    """Pixels divided by 255: the first layer's sums stay where tanh has a slope."""
    return TensorDataset(pixels() / 255, labels())
