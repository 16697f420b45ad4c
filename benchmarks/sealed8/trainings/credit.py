"""Residual MLP for tabular data (credit scoring like), after the RTDL paper but without its norms."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Config:
    version: str
    seed: int = 0
    width: int = 48
    blocks: int = 20
    steps: int = 300
    lr: float = 1e-3


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.up = nn.Linear(width, width)
        self.down = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.relu(self.up(x)))


class ResMLP(nn.Module):
    def __init__(self, config: Config, features: int):
        super().__init__()
        self.skip = config.version == "fixed"
        self.stem = nn.Linear(features, config.width)
        self.blocks = nn.ModuleList(Block(config.width) for _ in range(config.blocks))
        self.head = nn.Linear(config.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x) if self.skip else block(x)
        return self.head(torch.relu(x)).squeeze(1)


def main(config: Config) -> None:
    torch.manual_seed(config.seed)
    x = torch.randn(3000, 15)
    score = x[:, 0] - x[:, 1] + 1.5 * x[:, 2] * x[:, 3] + torch.relu(x[:, 4]) - 0.5
    y = (score + 0.3 * torch.randn(3000) > 0).float()
    model = ResMLP(config, 15)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    loss_fn = nn.BCEWithLogitsLoss()
    for step in range(config.steps):
        rows = torch.randint(0, 2400, (64,))
        loss = loss_fn(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step}: {loss.item():.4f}")
    with torch.no_grad():
        right = ((model(x[2400:]) > 0) == (y[2400:] > 0)).float().mean().item()
    print("accuracy", right, "majority", max(y[2400:].mean().item(), 1 - y[2400:].mean().item()))


if __name__ == "__main__":
    main(Config(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
