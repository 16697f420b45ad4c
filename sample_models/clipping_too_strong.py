"""Gradients clipped to a norm of 1e-5.

The clip was meant for rare outliers, but at this limit it shrinks every gradient a hundred
thousandfold, so the weights hardly move.

Finding: update-too-small
Cause: clipping-too-strong
"""

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
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
    """Gradient descent that clips before each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def clip(*_: object) -> None:
        clip_grad_norm_(model.parameters(), max_norm=1e-5)

    optimizer.register_step_pre_hook(clip)
    return optimizer


def healthy_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """The same steps without the clip, which no gradient here needs."""
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
