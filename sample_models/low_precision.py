"""Weights kept in bfloat16, which cannot take small steps.

A bfloat16 has eight significant bits: a step below 1/500 of a weight is rounded away, and with
this learning rate nearly every step is.

Finding: update-too-small
Cause: low-precision
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sample_models.digits import load

DTYPE = torch.bfloat16


class Classifier(nn.Module):
    """Two hidden layers and a head, all in the chosen number format."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 512, dtype=DTYPE),
            nn.ReLU(),
            nn.Linear(512, 512, dtype=DTYPE),
            nn.ReLU(),
            nn.Linear(512, 10, dtype=DTYPE),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the ten digits."""
        scores: Tensor = self.layers(images.to(self.layers[0].weight.dtype)).float()
        return scores


def build_model() -> nn.Module:
    """Build the classifier."""
    return Classifier()


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam with small steps."""
    return torch.optim.Adam(model.parameters(), lr=3e-5)


def healthy_model() -> nn.Module:
    """Weights kept in float32, whose 24 significant bits add the small steps up."""
    return Classifier().float()
