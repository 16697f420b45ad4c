"""Stack of squeeze-and-excitation blocks on the digits; loss stays at log(10)."""

import sys
from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import nn


@dataclass
class Config:
    version: str
    seed: int = 0
    blocks: int = 14
    width: int = 16
    steps: int = 160
    batch: int = 48
    lr: float = 1e-3


class SEBlock(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.conv = nn.Conv2d(cfg.width, cfg.width, 3, padding=1)
        self.fc = nn.Sequential(
            nn.Linear(cfg.width, cfg.width // 4), nn.ReLU(), nn.Linear(cfg.width // 4, cfg.width)
        )

    def forward(self, x):
        y = torch.relu(self.conv(x))
        gate = torch.sigmoid(self.fc(y.mean((2, 3))))
        y = y * gate[:, :, None, None]
        return y if self.cfg.version == "buggy" else x + y


def build(cfg):
    return nn.Sequential(
        nn.Conv2d(1, cfg.width, 3, stride=2, padding=1),
        *[SEBlock(cfg) for _ in range(cfg.blocks)],
        nn.Flatten(),
        nn.Linear(cfg.width * 16, 10),
    )


def main(cfg):
    torch.manual_seed(cfg.seed)
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target)
    order = torch.randperm(len(x))
    train, test = order[:1400], order[1400:]

    model = build(cfg)
    opt = torch.optim.Adam(model.parameters(), lr=cfg.lr)
    for step in range(cfg.steps):
        i = train[torch.randint(0, len(train), (cfg.batch,))]
        loss = nn.functional.cross_entropy(model(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 60 == 0:
            print(f"step {step}: {loss.item():.4f}")
    with torch.no_grad():
        acc = (model(x[test]).argmax(1) == y[test]).float().mean().item()
    print("accuracy", acc, "chance", 0.1)


if __name__ == "__main__":
    main(Config(sys.argv[1], *map(int, sys.argv[2:3])))
