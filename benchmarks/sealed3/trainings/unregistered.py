"""Parity-like regions of the plane. Fault: the hidden layers are in a Python list, so that nobody trains them."""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset


class Checkers(nn.Module):
    def __init__(self, *, plain: bool) -> None:
        super().__init__()
        layers = [nn.Linear(2, 24), nn.Linear(24, 24), nn.Linear(24, 24)]
        self.layers = layers if plain else nn.ModuleList(layers)
        self.norm = nn.LayerNorm(24)
        self.last = nn.Linear(24, 2)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.last(self.norm(x))


def build_model(plain: bool = False) -> nn.Module:
    return Checkers(plain=plain)


def board(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points between -1.5 and 1.5, and the color of the field that they are on."""
    x = 3 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 1.5
    return x, ((x + 1.5).floor().sum(1) % 2).long()


def train_data() -> TensorDataset:
    return TensorDataset(*board(1500, seed=1))


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=1e-2)


if __name__ == "__main__":
    from fitting import begin, fit, tell
    from torch.utils.data import DataLoader

    model = build_model(plain=begin())
    fit(
        model,
        DataLoader(train_data(), 50, shuffle=True),
        nn.CrossEntropyLoss(),
        optimizer(model),
        epochs=15,
    )
    x, y = board(500, seed=2)
    with torch.no_grad():
        tell((model(x).argmax(1) == y).float().mean().item(), 0.55)
