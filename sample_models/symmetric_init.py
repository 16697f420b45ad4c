"""All weights begin with the same value.

The units of a layer compute the same and receive the same gradient, so they stay copies of each
other: the layer has the power of a single unit.

Finding: poor-initialization
Cause: symmetric-init
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """Two hidden layers and a head."""
    model = nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.constant_(layer.weight, 0.02)
            nn.init.zeros_(layer.bias)
    return model


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_model() -> nn.Module:
    """Xavier initialization: random weights make every unit different."""
    model = build_model()
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight)
    return model
