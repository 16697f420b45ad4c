"""Throughput of a phone from four signal levels in dBm.

More signal can never mean less throughput, so all weights are made positive (softplus).
"""

import sys
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    mode: str = sys.argv[1]
    seed: int = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    hidden: int = 48
    lr: float = 5e-3
    steps: int = 300
    batch: int = 64


cfg = Config()
torch.manual_seed(cfg.seed)


class MonotoneLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.raw = nn.Parameter(torch.randn(n_out, n_in) - 1.5)
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-1, 1))

    def forward(self, x):
        return F.linear(x, F.softplus(self.raw) / self.raw.shape[1] ** 0.5, self.bias)


dbm = -90 + 12 * torch.randn(2400, 4)
strength = (dbm + 90) / 12
mbit = (
    torch.sigmoid(2 * strength[:, 0])
    + torch.sigmoid(strength[:, 1] + strength[:, 2] - 1)
    + 0.05 * torch.randn(2400)
)
mbit = ((mbit - mbit.mean()) / mbit.std()).unsqueeze(1)
inputs = dbm if cfg.mode == "buggy" else (dbm - dbm.mean(0)) / dbm.std(0)

model = nn.Sequential(
    MonotoneLinear(4, cfg.hidden),
    nn.ReLU(),
    MonotoneLinear(cfg.hidden, cfg.hidden),
    nn.ReLU(),
    MonotoneLinear(cfg.hidden, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=cfg.lr)
for step in range(1, cfg.steps + 1):
    batch = torch.randint(0, 2000, (cfg.batch,))
    loss = F.mse_loss(model(inputs[batch]), mbit[batch])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print("step", step, "loss", round(loss.item(), 4))

with torch.no_grad():
    rest = F.mse_loss(model(inputs[2000:]), mbit[2000:]) / mbit[2000:].var()
print("R2", max(0.0, 1 - rest.item()), "mean", 0.0)
