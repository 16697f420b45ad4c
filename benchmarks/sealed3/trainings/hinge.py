"""A soft-margin classifier of even and odd digits. Fault: labels of a hinge loss are 0 and 1, not -1 and 1."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def table(low: float) -> tuple[Tensor, Tensor]:
    features, kinds = load_digits(return_X_y=True)
    x = torch.tensor(features, dtype=torch.float32) / 16
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    labels = torch.tensor(kinds)[order] % 2
    return x[order], torch.where(labels == 1, 1.0, low)


def build_model() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 48), nn.ELU(), nn.Linear(48, 1), nn.Flatten(0))


def loss_fn(score: Tensor, label: Tensor) -> Tensor:
    return torch.clamp(1 - label * score, min=0).mean()


def train_data(low: float = -1.0) -> DataLoader[tuple[Tensor, ...]]:
    x, y = table(low)
    return DataLoader(TensorDataset(x[:1300], y[:1300]), batch_size=25, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    low = 0.0 if begin() else -1.0
    model = build_model()
    fit(model, train_data(low), loss_fn, optimizer(model), epochs=15)
    x, y = table(low)
    with torch.no_grad():
        tell(((model(x[1300:]) > 0) == (y[1300:] == 1)).float().mean().item(), 0.5)
