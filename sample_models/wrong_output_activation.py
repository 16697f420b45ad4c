"""A sigmoid at the end of a regression to numbers from 0 to 9.

The output cannot exceed 1 and most targets do: it is pushed against its bound, where the sigmoid
is flat and the gradient ends.

Finding: saturated-activation
Cause: wrong-output-activation
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
        nn.Sigmoid(),
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


def healthy_model() -> nn.Module:
    """The same layers without the sigmoid: the last layer can reach every target."""
    layers = build_model().children()
    return nn.Sequential(*(layer for layer in layers if not isinstance(layer, nn.Sigmoid)))
