"""A network frozen whole, except for the biases of its head.

The loop that was to freeze the encoder freezes every weight: only ten biases are left to learn,
and they cannot tell the images apart.

Finding: stalled-loss
Cause: frozen-parameters
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
    for name, weight in model.named_parameters():
        weight.requires_grad_(name == "4.bias")
    return model


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_model() -> nn.Module:
    """Nothing is frozen: every weight is trained."""
    return build_model().requires_grad_(True)
