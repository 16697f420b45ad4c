"""An optimizer that was given the head alone.

The encoder receives gradients, but nobody applies them: its random projection onto three numbers
stays as it is.

Finding: not-in-optimizer
Cause: optimizer-misses-parameters
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


def build_model() -> nn.Module:
    """Three numbers must do: an encoder squeezes an image into them, a head reads the digit."""
    encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    return nn.Sequential(encoder, nn.Linear(3, 10))


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Sequential) -> torch.optim.Optimizer:
    """Adam, a little faster than usual."""
    return torch.optim.Adam(model[1].parameters(), lr=1e-2)


def healthy_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer holds the whole model: every weight that receives a gradient is trained."""
    return torch.optim.Adam(model.parameters(), lr=1e-2)
