"""A softmax before a loss that takes the softmax itself.

Cross-entropy receives probabilities where it expects scores: they differ by at most 1, so the
loss can hardly leave log(10) and the gradient through the first softmax is a tenth or less of
what it should be.

Finding: stalled-loss
Cause: double-softmax
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """One hidden layer and a head."""
    return nn.Sequential(
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
        nn.Softmax(dim=1),
    )


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Plain gradient descent."""
    return torch.optim.SGD(model.parameters(), lr=0.05)


def healthy_model() -> nn.Module:
    """The same layers without the softmax: the loss takes it, once."""
    *layers, _ = build_model().children()
    return nn.Sequential(*layers)
