"""Digits row by row in a GRU. Fault: (N, T, F) becomes (T, N, F) by a view, not by a transposition."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class Rows(nn.Module):
    def __init__(self, *, view: bool) -> None:
        super().__init__()
        self.view = view
        self.gru = nn.GRU(8, 48)
        self.head = nn.Linear(48, 10)

    def forward(self, rows: Tensor) -> Tensor:
        count, steps, width = rows.shape
        x = rows.view(steps, count, width) if self.view else rows.transpose(0, 1)
        _, state = self.gru(x)
        return self.head(state[-1])


def digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    return (torch.tensor(bunch.images, dtype=torch.float32) / 16)[order], torch.tensor(
        bunch.target
    )[order]


def build_model(view: bool = False) -> nn.Module:
    return Rows(view=view)


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    x, y = digits()
    return DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=50, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=5e-3)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    model = build_model(view=begin())
    fit(model, train_data(), nn.CrossEntropyLoss(), optimizer(model), epochs=8)
    x, y = digits()
    with torch.no_grad():
        tell((model(x[1400:]).argmax(1) == y[1400:]).float().mean().item(), 0.1)
