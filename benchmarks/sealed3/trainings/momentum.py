"""Wines by SGD. Fault: a momentum of 0.999, where 0.9 was meant."""

import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def table() -> tuple[Tensor, Tensor]:
    features, kinds = load_wine(return_X_y=True)
    x = torch.tensor(features, dtype=torch.float32)
    order = torch.randperm(178, generator=torch.Generator().manual_seed(0))
    return ((x - x.mean(0)) / x.std(0))[order], torch.tensor(kinds)[order]


def build_model() -> nn.Module:
    return nn.Sequential(
        nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
    )


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    x, y = table()
    return DataLoader(TensorDataset(x[:120], y[:120]), batch_size=12, shuffle=True)


def optimizer(model: nn.Module, momentum: float = 0.9) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    momentum = 0.999 if begin() else 0.9
    model = build_model()
    fit(model, train_data(), nn.CrossEntropyLoss(), optimizer(model, momentum), epochs=12)
    x, y = table()
    with torch.no_grad():
        tell((model(x[120:]).argmax(1) == y[120:]).float().mean().item(), 0.4)
