"""A weight decay that outweighs the loss.

Every step shrinks the weights by more than the gradient adds: within a few dozen steps all layers
have withered, the signal no longer gets through four layers and no gradient comes back.

Finding: vanishing-gradient
Cause: weight-decay-too-strong
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """Four hidden layers and a head."""
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Gradient descent with weight decay."""
    return torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1.0)


def healthy_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """A weight decay of 1e-4 only trims what the loss does not need."""
    return torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=1e-4)
