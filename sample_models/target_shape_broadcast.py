"""Outputs of shape [N, 1] compared with targets of shape [N].

The difference of the two has shape [N, N]: every output is compared with every target, and the
best answer to that is the mean, whatever the image shows.

Finding: stalled-loss
Cause: target-shape-broadcast
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sample_models.digits import labels, standardized


def build_model() -> nn.Module:
    """Two hidden layers and one output."""
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
    )


def train_data() -> TensorDataset:
    """Images and the digit as a number around 0."""
    return TensorDataset(standardized(), (labels() - 4.5) / 2.87)


def loss_fn(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return (output - target).square().mean()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_loss(output: Tensor, target: Tensor) -> Tensor:
    """Outputs are flattened to [N] first: every output is compared with its own target."""
    return loss_fn(output.squeeze(1), target)
