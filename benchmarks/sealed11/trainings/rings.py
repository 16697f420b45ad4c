"""ConvNeXt-style blocks on a toy problem. It only finds the straight line."""

import sys
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Settings:
    version: str = sys.argv[1]
    seed: int = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    dim: int = 32
    blocks: int = 3
    layer_scale: float = 1e-6 if sys.argv[1] == "buggy" else 1.0
    lr: float = 5e-3
    epochs: int = 15


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.norm = nn.LayerNorm(s.dim)
        self.up, self.down = nn.Linear(s.dim, 4 * s.dim), nn.Linear(4 * s.dim, s.dim)
        self.gamma = nn.Parameter(s.layer_scale * torch.ones(s.dim))

    def forward(self, x):
        return x + self.gamma * self.down(nn.functional.gelu(self.up(self.norm(x))))


def build(s):
    return nn.Sequential(
        nn.Linear(6, s.dim), *(Block(s) for _ in range(s.blocks)), nn.Linear(s.dim, 1)
    )


def main(s):
    torch.manual_seed(s.seed)
    x = torch.randn(1600, 6)
    y = (x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3] > 0).float().unsqueeze(1)
    model = build(s)
    optimizer = torch.optim.SGD(model.parameters(), lr=s.lr, momentum=0.9)
    for epoch in range(s.epochs):
        for i in torch.randperm(1280).split(64):
            loss = nn.functional.binary_cross_entropy_with_logits(model(x[i]), y[i])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")
    with torch.no_grad():
        accuracy = ((model(x[1280:]) > 0) == y[1280:].bool()).float().mean().item()
    print("accuracy", accuracy, "coin", 0.5)


main(Settings())
