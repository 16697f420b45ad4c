"""The problems on which gauges are compared with their slow twins, all in float64."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from tests.probe.watching import of_size, seeded, sequential


@dataclass(frozen=True)
class Problem:
    """A model and its loss; `build` gives the same model each time."""

    name: str
    build: Callable[[], nn.Module]
    loss: Callable[[nn.Module], torch.Tensor]
    layers: tuple[str, ...]  # modules whose outputs are compared
    batch_axis: int = 0


class Shared(nn.Module):
    """One layer used three times."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = torch.tanh(self.inner(x))
        return self.head(x)


class Cells(nn.Module):
    """A recurrent cell called twelve times."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(3, 5), nn.Linear(5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.new_zeros(x.shape[0], 5)
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.head(state)


class Sequences(nn.Module):
    """A recurrent layer over twelve time steps."""

    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 5, batch_first=batch_first), nn.Linear(5, 2)
        self.axis = 1 if batch_first else 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0].select(self.axis, -1))


class Branches(nn.Module):
    """Two branches that join, then a normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(5, 8), nn.Linear(5, 8), nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(functional.relu(self.a(x)) + torch.sigmoid(self.b(x))))


class Words(nn.Module):
    """Embeddings and tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.mid = nn.Embedding(11, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.head(functional.gelu(self.mid(self.table(words))))


def _conv() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(3, 2),
    )


def _regress(*shape: int, out: int = 2) -> Callable[[nn.Module], torch.Tensor]:
    return lambda model: functional.mse_loss(model(of_size(*shape)), of_size(shape[0], out, seed=2))


def _classify(*shape: int, classes: int) -> Callable[[nn.Module], torch.Tensor]:
    labels = torch.arange(shape[0]) % classes
    return lambda model: functional.cross_entropy(model(of_size(*shape)), labels)


def _words(model: nn.Module) -> torch.Tensor:
    words = torch.arange(12).reshape(3, 4) % 7
    return functional.cross_entropy(model(words).flatten(0, 1), words.flatten())


PROBLEMS = (
    Problem("mlp", lambda: seeded(lambda: sequential([6, 9, 7, 3], nn.Tanh)),
            _classify(16, 6, classes=3), ("0", "2", "4")),
    Problem("relu", lambda: seeded(lambda: sequential([6, 9, 7, 3], nn.ReLU), 3),
            _regress(16, 6, out=3), ("0", "2", "4")),
    Problem("conv", lambda: seeded(_conv), _regress(6, 1, 9, 9), ("0", "1", "3", "6")),
    Problem("shared", lambda: seeded(Shared), _regress(7, 6), ("inner", "head")),
    Problem("cells", lambda: seeded(Cells), _regress(5, 12, 3), ("cell", "head")),
    Problem("lstm", lambda: seeded(lambda: Sequences(batch_first=True)),
            _regress(5, 12, 3), ("lstm", "head")),
    Problem("branches", lambda: seeded(Branches), _classify(9, 5, classes=3),
            ("a", "b", "norm", "head")),
    Problem("words", lambda: seeded(Words), _words, ("table", "mid", "head")),
    Problem("vanished", lambda: seeded(lambda: sequential([6] * 40 + [2], nn.Sigmoid)),
            _regress(8, 6), ("0", "20", "78")),
)  # fmt: skip
