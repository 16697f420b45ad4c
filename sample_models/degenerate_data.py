"""Pixels scaled with // where / was meant.

A whole-number division by 256 makes every pixel 0: all images look the same, so the loss cannot
fall below that of guessing.

Finding: stalled-loss
Cause: degenerate-data
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import labels, pixels


def build_model() -> nn.Module:
    """Two hidden layers and a head."""
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def train_data() -> TensorDataset:
    """Images scaled to 0..1, and their digits."""
    return TensorDataset(pixels() // 256, labels())


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_data() -> TensorDataset:
    """Scaled with /, so that pixels become numbers between 0 and 1."""
    return TensorDataset(pixels() / 256, labels())
