"""Irises of three kinds. Fault: ignore_index=0, copied from a language model, where 0 is padding."""

import torch
from sklearn.datasets import load_iris
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def table() -> tuple[Tensor, Tensor]:
    features, kinds = load_iris(return_X_y=True)
    x = torch.tensor(features, dtype=torch.float32)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(0))
    return ((x - x.mean(0)) / x.std(0))[order], torch.tensor(kinds)[order]


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))


def loss(ignore_index: int = -100) -> nn.Module:
    return nn.CrossEntropyLoss(ignore_index=ignore_index)


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    x, y = table()
    return DataLoader(TensorDataset(x[:105], y[:105]), batch_size=15, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    loss_fn = loss(0 if begin() else -100)
    model = build_model()
    fit(model, train_data(), loss_fn, optimizer(model), epochs=20)
    x, y = table()
    with torch.no_grad():
        tell((model(x[105:]).argmax(1) == y[105:]).float().mean().item(), 0.4)
