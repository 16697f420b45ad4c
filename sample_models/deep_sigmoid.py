"""Ten sigmoids in a row.

A sigmoid's slope is at most 1/4, so each layer passes on less than a quarter of the gradient: the
lower layers receive almost nothing and the loss stays at that of guessing.

Finding: vanishing-gradient
Cause: saturating-activation
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """Ten hidden layers and a head."""
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 64),
        nn.Sigmoid(),
        nn.Linear(64, 10),
    )


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_model() -> nn.Module:
    """The same ten layers with LeakyReLU, whose slope is 1 for every positive input."""
    layers = build_model().children()
    return nn.Sequential(*(nn.LeakyReLU() if isinstance(x, nn.Sigmoid) else x for x in layers))
