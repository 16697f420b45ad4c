"""Encoder layers kept in a plain list.

PyTorch does not look into lists: model.parameters() misses the encoder, so the optimizer never
trains it and its random projection onto three numbers stays as it is.

Finding: disconnected-parameter
Cause: unregistered-modules
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


class Classifier(nn.Module):
    """An encoder that squeezes an image into three numbers, and a head that names the digit."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)]
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the ten digits."""
        for layer in self.encoder:
            images = layer(images)
        scores: Tensor = self.head(images)
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


def healthy_model() -> nn.Module:
    """A ModuleList registers what it holds, so the optimizer trains the encoder."""
    model = Classifier()
    model.encoder = nn.ModuleList(model.encoder)
    return model
