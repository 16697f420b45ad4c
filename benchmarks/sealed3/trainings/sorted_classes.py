"""Digits in the order of the folders that they are in. Fault: shuffle=False, class after class."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    images = (torch.tensor(bunch.images, dtype=torch.float32) / 8 - 1).unsqueeze(1)
    return images[order], torch.tensor(bunch.target)[order]


def build_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def train_data(shuffle: bool = True) -> DataLoader[tuple[Tensor, ...]]:
    x, y = digits()
    x, y = x[:1300], y[:1300]
    folders = y.argsort(stable=True)
    return DataLoader(TensorDataset(x[folders], y[folders]), batch_size=20, shuffle=shuffle)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    shuffle = not begin()
    model = build_model()
    fit(model, train_data(shuffle), nn.CrossEntropyLoss(), optimizer(model), epochs=5)
    x, y = digits()
    with torch.no_grad():
        tell((model(x[1300:]).argmax(1) == y[1300:]).float().mean().item(), 0.1)
