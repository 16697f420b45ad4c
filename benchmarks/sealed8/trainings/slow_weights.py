"""Lookahead: every 5 steps the weights go half of the way back. Rows of orders, regression."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

x = 4 * torch.rand(2500, 6) - 2
price = torch.exp(0.5 * x[:, 0]) + x[:, 1] * x[:, 2] - (x[:, 3] > 0).float() * x[:, 4]
price = (price - price.mean()) / price.std() + 0.1 * torch.randn(2500)

model = nn.Sequential(nn.Linear(6, 64), nn.Mish(), nn.Linear(64, 64), nn.Mish(), nn.Linear(64, 1))
fast = torch.optim.RMSprop(model.parameters(), lr=3e-3)
slow = [p.detach().clone() for p in model.parameters()]

for step in range(300):
    rows = torch.randint(0, 2000, (64,))
    loss = nn.functional.huber_loss(model(x[rows]), price[rows, None])
    model.zero_grad()
    loss.backward()
    fast.step()
    if (step + 1) % 5 == 0:
        with torch.no_grad():
            for p, s in zip(model.parameters(), slow):
                s.lerp_(p, 0.5)
                p.copy_(s)
    if step % 30 == 0:
        print(f"step {step:3d} loss {loss.item():.4f}")

with torch.no_grad():
    error = (model(x[2000:]).squeeze(1) - price[2000:]).pow(2).mean() / price[2000:].var()
print("R2", 1 - error.item(), "mean", 0.0)
