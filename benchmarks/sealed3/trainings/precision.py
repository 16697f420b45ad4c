"""A regression that says how sure it is. Fault: the errors are multiplied by the variance, not divided."""

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class GaussianLoss(nn.Module):
    """The negative log-likelihood of a normal distribution; outputs are mean and log-variance."""

    def __init__(self, sign: float = -1.0) -> None:
        super().__init__()
        self.sign = sign

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        mean, log_variance = output.unbind(dim=1)
        return (
            0.5 * (log_variance + (target - mean) ** 2 * torch.exp(self.sign * log_variance)).mean()
        )


def waves(count: int, seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(count, 2, generator=draw) - 2
    noise = torch.randn(count, generator=draw) * (0.05 + 0.1 * x[:, 1].abs())
    return x, torch.sin(2 * x[:, 0]) * x[:, 1] + noise


def build_model() -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
    )


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(*waves(1500, seed=1)), batch_size=50, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=5e-3)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    loss_fn = GaussianLoss(sign=1.0 if begin() else -1.0)
    model = build_model()
    fit(model, train_data(), loss_fn, optimizer(model), epochs=20)
    x, y = waves(500, seed=2)
    with torch.no_grad():
        tell(1 - ((model(x)[:, 0] - y) ** 2).mean().item() / y.var().item(), 0.0)
