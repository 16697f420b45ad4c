"""A training in parts, for `gradcheck diagnose` on one process or on several."""

import os

import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset


def build_model() -> nn.Sequential:
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 1))


class Unused(nn.Module):
    """One of its layers is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 8) for _ in range(2)])
        self.forgotten = nn.Linear(8, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = torch.relu(block(x))
        return self.head(x)


class Complex(nn.Module):
    """A scalar parameter cannot be sharded."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.head = nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x * self.scale)


def make_data() -> TensorDataset:
    x = torch.randn(512, 8, generator=torch.Generator().manual_seed(1))
    return TensorDataset(x, (x[:, :1] > 0).float())


class Torn(Dataset):
    """Rank 1 cannot read after its 200th sample: it raises, or its process is gone."""

    def __init__(self, way: str) -> None:
        self.way, self.whole, self.read = way, make_data(), 0

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        self.read += 1
        if self.read > 200 and os.environ.get("RANK") == "1":
            if self.way == "dies":
                os._exit(9)
            raise ValueError("the disk of rank 1 is gone")
        return self.whole[index]


def loss_fn(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(output, target)


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
