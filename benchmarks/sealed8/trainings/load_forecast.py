"""Electricity load with a mean and an uncertainty for every hour. The loss goes to -inf."""

import math
import sys

import torch
import torch.nn as nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

hour = 24 * torch.rand(3000)
weekend = (torch.rand(3000) < 2 / 7).float()
outside = torch.randn(3000)
shape = torch.sin((hour - 9) / 24 * 2 * math.pi) + 0.5 * torch.sin((hour - 3) / 6 * math.pi)
load = shape * (1 - 0.6 * weekend) - 0.4 * outside + 0.3 * outside**2
load = load + (0.1 + 0.3 * (hour > 12)) * torch.randn(3000)
load = (load - load.mean()) / load.std()
angle = hour / 24 * 2 * math.pi
X = torch.stack([angle.sin(), angle.cos(), (2 * angle).sin(), (2 * angle).cos(), weekend, outside])
X = X.T


def gaussian_nll(mean, log_var, target):
    if sys.argv[1] == "buggy":
        weight = torch.exp(log_var)
    else:
        weight = torch.exp(-log_var)
    return 0.5 * (log_var + weight * (target - mean) ** 2).mean()


body = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
mean_head, var_head = nn.Linear(64, 1), nn.Linear(64, 1)
parameters = [*body.parameters(), *mean_head.parameters(), *var_head.parameters()]
optimizer = torch.optim.Adam(parameters, lr=3e-3)

for step in range(300):
    i = torch.randint(0, 2400, (64,))
    h = body(X[i])
    loss = gaussian_nll(mean_head(h).squeeze(1), var_head(h).squeeze(1), load[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print(f"step {step} nll {loss.item():.3f}")

with torch.no_grad():
    mean = mean_head(body(X[2400:])).squeeze(1)
    error = (mean - load[2400:]).pow(2).mean() / load[2400:].var()
print("R2", 1 - error.item() if torch.isfinite(error) else -1.0, "mean", 0.0)
