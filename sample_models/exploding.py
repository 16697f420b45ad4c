"""Ten ReLU layers whose weights begin far too large.

Weights drawn with standard deviation 0.5 enlarge signal and gradient nearly threefold in each of
the ten layers: the loss begins in the thousands and training throws the weights about.

Finding: exploding-gradient
Cause: init-too-large
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """Ten hidden layers and a head."""
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
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
            nn.init.normal_(layer.weight, std=0.5)
            nn.init.zeros_(layer.bias)
    return model


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_model() -> nn.Module:
    """Weights of variance 2 / inputs keep signal and gradient at the same size."""
    model = build_model()
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model
