"""A recurrent network that must remember across forty steps.

On its way back to the rows of the image the gradient is multiplied by the recurrent weights forty
times; PyTorch's default for them shrinks it each time, and it is gone before it arrives.

Finding: vanishing-gradient
Cause: long-recurrence
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sample_models.digits import load


class Reader(nn.Module):
    """Reads an image row by row, waits for forty blank rows, then names the digit."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(8, 64, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of the ten digits."""
        rows = images.view(-1, 8, 8)
        waiting = rows.new_zeros(len(rows), 40, 8)
        states, _ = self.rnn(torch.cat([rows, waiting], dim=1))
        scores: Tensor = self.head(states[:, -1])
        return scores


def build_model() -> nn.Module:
    """Build the reader."""
    return Reader()


def train_data() -> TensorDataset:
    """Images and their digits."""
    return load()


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam at its usual rate."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def healthy_model() -> nn.Module:
    """Recurrent weights begin as a rotation, which neither shrinks nor enlarges the gradient."""
    model = Reader()
    nn.init.orthogonal_(model.rnn.all_weights[0][1])
    return model
