"""A learning rate of 3.

Each step overshoots: the weights are thrown about by more than their own size and the loss ends
above that of guessing.

Finding: update-too-large
Cause: learning-rate-too-high
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


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
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Plain gradient descent with momentum."""
    return torch.optim.SGD(model.parameters(), lr=3.0, momentum=0.9)


def healthy_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Each step changes the weights by about a thousandth of their size."""
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
