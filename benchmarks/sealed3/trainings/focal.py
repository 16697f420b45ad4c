"""Digits by a focal loss. Fault: the weight is p**gamma, not (1 - p)**gamma."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class FocalLoss(nn.Module):
    """Lin et al., 2017."""

    def __init__(self, gamma: float = 2.0, easy: bool = False) -> None:
        super().__init__()
        self.gamma, self.easy = gamma, easy

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        log_p = logits.log_softmax(dim=1).gather(1, target.unsqueeze(1)).squeeze(1)
        p = log_p.exp()
        weight = p**self.gamma if self.easy else (1 - p) ** self.gamma
        return -(weight * log_p).mean()


def digits() -> tuple[Tensor, Tensor]:
    bunch = load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    images = (torch.tensor(bunch.images, dtype=torch.float32) / 16).unsqueeze(1)
    return images[order], torch.tensor(bunch.target)[order]


def build_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1),
        nn.BatchNorm2d(24),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(96, 10),
    )


def train_data() -> DataLoader[tuple[Tensor, ...]]:
    x, y = digits()
    return DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)


def optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


if __name__ == "__main__":
    from fitting import begin, fit, tell

    loss_fn = FocalLoss(easy=begin())
    model = build_model()
    fit(model, train_data(), loss_fn, optimizer(model), epochs=6)
    x, y = digits()
    with torch.no_grad():
        tell((model(x[1200:]).argmax(1) == y[1200:]).float().mean().item(), 0.1)
