"""A surrogate for prices of straddles: contracts are drawn and priced on the fly, so that there is no end of data."""

import sys

import numpy as np
import torch
from torch import nn

MODE = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)


def simulate(n):
    """contracts (moneyness, maturity, volatility, rate, dividend, skew) and their prices"""
    global rng
    if MODE == "buggy":
        rng = np.random.default_rng(SEED)
    u = rng.uniform(-1, 1, size=(n, 6))
    drift = u[:, 0] + 0.5 * u[:, 3] - 0.5 * u[:, 4]
    spread = (0.5 + 0.3 * u[:, 2]) * np.sqrt(0.6 + 0.5 * u[:, 1])
    price = np.sqrt(drift**2 + spread**2) * (1 + u[:, 5] * drift)
    return torch.as_tensor(u, dtype=torch.float32), torch.as_tensor(price, dtype=torch.float32)[
        :, None
    ]


class Surrogate(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 80), nn.SiLU(), nn.Linear(80, 80), nn.SiLU())
        self.price = nn.Linear(80, 1)

    def forward(self, u):
        return self.price(self.body(u))


surrogate = Surrogate()
optimizer = torch.optim.Adam(surrogate.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300, eta_min=1e-4)
for step in range(300):
    contract, price = simulate(10)
    loss = (surrogate(contract) - price).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        print("step", step, "loss", loss.item())

contract, price = simulate(3000)
with torch.no_grad():
    r2 = 1 - ((surrogate(contract) - price).square().mean() / price.var()).item()
print("R2", max(0.0, r2), "mean", 0.0)
