"""Mass and place of a gravitational lens from shear measurements, with weight normalization."""

import sys

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

SETTING = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def shear(n, side=6):
    axis = torch.linspace(-1, 1, side)
    gx, gy = torch.meshgrid(axis, axis, indexing="xy")
    mass, px, py = (
        0.5 + torch.rand(n, 1),
        1.6 * torch.rand(n, 1) - 0.8,
        1.6 * torch.rand(n, 1) - 0.8,
    )
    dx, dy = gx.reshape(1, -1) - px, gy.reshape(1, -1) - py
    r2 = dx**2 + dy**2 + 0.15
    e1, e2 = -mass * (dx**2 - dy**2) / r2**1.5, -mass * 2 * dx * dy / r2**1.5
    data = torch.cat([e1, e2], 1) + 0.05 * torch.randn(n, 2 * side * side)
    return data, torch.cat([mass, px, py], 1)


def add_weight_norm(model):
    for module in list(model.modules()):
        if isinstance(module, nn.Linear):
            weight_norm(module)
    return model


x, y = shear(2500)
y = (y - y.mean(0)) / y.std(0)
x_train, y_train, x_test, y_test = x[:2000], y[:2000], x[2000:], y[2000:]

model = nn.Sequential(nn.Linear(72, 96), nn.ELU(), nn.Linear(96, 96), nn.ELU(), nn.Linear(96, 3))
if SETTING == "buggy":
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    add_weight_norm(model)
else:
    add_weight_norm(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(8):
    order = torch.randperm(2000)
    for batch in order.split(64):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}  loss {loss.item():.3f}")

with torch.no_grad():
    left = (model(x_test) - y_test).pow(2).mean() / y_test.var(0).mean()
print("R2", max(0.0, 1 - left.item()), "mean", 0.0)
