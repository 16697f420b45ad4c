"""Ten tanh layers whose weights begin near zero.

Weights drawn with standard deviation 0.01 shrink signal and gradient to a twelfth in each of the
ten layers.

Finding: vanishing-gradient
Cause: init-too-small
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """Ten hidden layers and a head."""
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 64),
        nn.Tanh(),
        nn.Linear(64, 10),
    )
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
    return model


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Plain gradient descent with momentum."""
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def healthy_model() -> nn.Module:
    """Weights of variance 1 / width keep signal and gradient at about the same size."""
    model = build_model()
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
    return model
