"""Friedman's function. Fault: Dropout(0.9) of somebody who was used to say how much is kept."""

import torch
from sklearn.datasets import make_friedman1
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


def table() -> tuple[Tensor, Tensor]:
    features, values = make_friedman1(1500, noise=0.3, random_state=0)
    x, y = torch.tensor(features * 2 - 1).float(), torch.tensor(values).float().unsqueeze(1)
    return x, (y - y.mean()) / y.std()


def build_model(p: float = 0.1) -> nn.Module:
    return nn.Sequential(
        nn.Linear(10, 64),
        nn.ReLU(),
        nn.Dropout(p),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Dropout(p),
        nn.Linear(64, 1),
    )


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    x, y = table()
    return DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=3e-3)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    model = build_model(p=0.9 if begin() else 0.1)
    fit(model, train_data(), nn.MSELoss(), optimizer(model), epochs=15)
    x, y = table()
    with torch.no_grad():
        tell(1 - ((model(x[1200:]) - y[1200:]) ** 2).mean().item(), 0.0)
