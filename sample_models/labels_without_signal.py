"""Labels in another order than the images.

The labels were shuffled and the images were not: nothing in an image tells its label, so the loss
cannot fall below that of guessing.

Finding: stalled-loss
Cause: labels-without-signal
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import labels, standardized


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
    """Images and their digits."""
    order = torch.randperm(1797)
    return TensorDataset(standardized(), labels()[order])


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_data() -> TensorDataset:
    """Each image with its own label."""
    return TensorDataset(standardized(), labels())
