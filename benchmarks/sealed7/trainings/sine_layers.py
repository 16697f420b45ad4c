"""SIREN: a picture as a function of the coordinates, with sines of frequency 30 between the layers."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, OMEGA = 300, 30.0


def picture(p):
    r = (p**2).sum(-1).sqrt()
    return torch.sin(14 * r) * torch.cos(6 * p[..., 0]) + (p[..., 1] > 0.3).float() - 0.3


class Sine(nn.Module):
    def __init__(self, inputs, outputs, first=False):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        bound = 1 / inputs if first else math.sqrt(6 / inputs) / OMEGA
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(OMEGA * self.linear(x))


side = torch.linspace(-1, 1, 64)
grid = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
value = picture(grid)
held_out = torch.rand(len(grid)) < 0.2
train, train_v, test, test_v = grid[~held_out], value[~held_out], grid[held_out], value[held_out]

model = nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(STEPS):
    i = torch.randint(0, len(train), (512,))
    loss = ((model(train[i]).squeeze(1) - train_v[i]) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    missed = ((model(test).squeeze(1) - test_v) ** 2).mean() / test_v.var()
print("R2", 1 - missed.item(), "mean", 0.0)
