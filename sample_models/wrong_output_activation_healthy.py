"""The twin of wrong_output_activation: the output is not bounded.

The last layer can reach every target.

Finding: none
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
        nn.Identity(),
        nn.Flatten(0),
    )


def train_data() -> TensorDataset:
    """Images and the digit as a number."""
    return TensorDataset(standardized(), labels().float())


def loss_fn(output: Tensor, target: Tensor) -> Tensor:
    """Mean squared error."""
    return (output - target).square().mean()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)
