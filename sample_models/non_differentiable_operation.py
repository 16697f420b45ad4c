"""A code rounded to whole numbers on its way to the head.

Rounding is flat everywhere, so its gradient is exactly zero: nothing comes back to the encoder
and its random projection onto three numbers stays as it is.

Finding: zero-gradient
Cause: non-differentiable-operation
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


class Classifier(nn.Module):
    """An encoder that squeezes an image into three numbers, and a head that names the digit."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the ten digits."""
        code = torch.round(self.encoder(images))
        scores: Tensor = self.head(code)
        return scores


def build_model() -> nn.Module:
    """Build the classifier."""
    return Classifier()


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam, a little faster than usual."""
    return torch.optim.Adam(model.parameters(), lr=1e-2)


class Unrounded(Classifier):
    """The code is passed on unrounded, so the gradient reaches the encoder."""

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the ten digits."""
        scores: Tensor = self.head(self.encoder(images))
        return scores


def healthy_model() -> nn.Module:
    """Build the classifier whose encoder learns what to keep."""
    return Unrounded()
