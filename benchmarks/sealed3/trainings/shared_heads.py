"""Three questions about a wine, a head for each. Fault: the list of heads holds one head three times."""

import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class MultiTask(nn.Module):
    def __init__(self, *, same: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU())
        if same:
            self.heads = nn.ModuleList([nn.Linear(32, 1)] * 3)
        else:
            self.heads = nn.ModuleList([nn.Linear(32, 1) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        body = self.body(x)
        return torch.cat([head(body) for head in self.heads], dim=1)


def tables() -> tuple[Tensor, Tensor]:
    """Ten standardized measurements; the three others, standardized: the targets."""
    x = torch.tensor(load_wine().data, dtype=torch.float32)
    x = (x - x.mean(0)) / x.std(0)
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]
    targets = [5, 9, 12]
    return x[:, [i for i in range(13) if i not in targets]], x[:, targets] * torch.tensor(
        [1.0, -1.0, 1.0]
    )


def build_model(same: bool = False) -> nn.Module:
    return MultiTask(same=same)


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    x, y = tables()
    return DataLoader(TensorDataset(x[:130], y[:130]), batch_size=16, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=2e-3)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    model = build_model(same=begin())
    fit(model, train_data(), nn.MSELoss(), optimizer(model), epochs=25)
    x, y = tables()
    with torch.no_grad():
        tell(
            1
            - ((model(x[130:]) - y[130:]) ** 2).sum().item()
            / ((y[130:] - y[:130].mean(0)) ** 2).sum().item(),
            0.0,
        )
