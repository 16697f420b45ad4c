"""Hypernetwork: from the code of a shape, make the weights of a net of signed distances."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, SHAPES, POINTS = 300, 6, 160
WIDTHS = [2, 32, 32, 32, 32, 32, 32, 1]

centers = 0.8 * torch.rand(SHAPES, 1, 2) - 0.4
radii = 0.45 + 0.2 * torch.rand(SHAPES, 1)


def points(n):
    xy = 2 * torch.rand(SHAPES, n, 2) - 1
    away = xy - centers
    angle = torch.atan2(away[..., 1], away[..., 0])
    waves = torch.arange(SHAPES).unsqueeze(1) % 3 + 2
    distance = away.norm(dim=-1) - radii * (1 + 0.25 * torch.cos(waves * angle))
    return xy, distance


class HyperNetwork(nn.Module):
    def __init__(self, code=16, hidden=48):
        super().__init__()
        self.codes = nn.Embedding(SHAPES, code)
        self.body = nn.Sequential(nn.Linear(code, hidden), nn.ReLU())
        self.to_weight = nn.ModuleList(nn.Linear(hidden, a * b) for a, b in zip(WIDTHS, WIDTHS[1:]))
        self.to_bias = nn.ModuleList(nn.Linear(hidden, b) for b in WIDTHS[1:])
        nn.init.kaiming_normal_(self.body[0].weight)
        for layer, a in zip(self.to_weight, WIDTHS):
            fan_in = hidden if version == "buggy" else hidden * a
            nn.init.normal_(layer.weight, std=(2 / fan_in) ** 0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, shape):
        h = self.body(self.codes(shape))
        for make_weight, make_bias, a, b in zip(self.to_weight, self.to_bias, WIDTHS, WIDTHS[1:]):
            yield make_weight(h).view(-1, a, b), make_bias(h).unsqueeze(1)


def target_net(params, xy):
    *hidden, (w_out, b_out) = params
    for w, b in hidden:
        xy = F.relu(torch.bmm(xy, w) + b)
    return (torch.bmm(xy, w_out) + b_out).squeeze(-1)


hyper = HyperNetwork()
optimizer = torch.optim.Adam(hyper.parameters(), lr=2e-3)
for step in range(STEPS):
    xy, distance = points(POINTS)
    loss = F.mse_loss(target_net(hyper(torch.arange(SHAPES)), xy), distance)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    xy, distance = points(2000)
    error = F.mse_loss(target_net(hyper(torch.arange(SHAPES)), xy), distance)
print("R2", 1 - (error / distance.var()).item(), "mean", 0.0)
