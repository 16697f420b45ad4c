"""A learning rate of one millionth.

The gradients are sound, but each step changes the weights by far too little to see.

Finding: update-too-small
Cause: learning-rate-too-low
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
    return torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)


def healthy_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Each step changes the weights by about a thousandth of their size."""
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
