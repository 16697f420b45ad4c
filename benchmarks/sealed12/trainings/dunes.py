"""Density of grains of sand on two crescents with a flow of affine couplings. Samples look like an explosion."""

import math
import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def grains(n):
    angle = math.pi * torch.rand(n)
    upper = torch.rand(n) < 0.5
    x = torch.where(upper, torch.cos(angle), 1 - torch.cos(angle)) - 0.5
    y = torch.where(upper, torch.sin(angle), 0.5 - torch.sin(angle)) - 0.25
    return 1.5 * torch.stack([x + 1, y - 1], 1) + 0.08 * torch.randn(n, 2)


class Coupling(nn.Module):
    def __init__(self, keep, hidden=48):
        super().__init__()
        self.keep, self.move = keep, 1 - keep
        self.net = nn.Sequential(
            nn.Linear(1, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 2),
        )

    def factors(self, fixed):
        s, t = self.net(fixed).chunk(2, 1)
        return 2 * torch.tanh(s / 2), t

    def forward(self, x):
        fixed, moved = x[:, self.keep : self.keep + 1], x[:, self.move : self.move + 1]
        s, t = self.factors(fixed)
        parts = [fixed, moved * s.exp() + t]
        return torch.cat(parts if self.keep == 0 else parts[::-1], 1), s.squeeze(1)

    def inverse(self, z):
        fixed, moved = z[:, self.keep : self.keep + 1], z[:, self.move : self.move + 1]
        s, t = self.factors(fixed)
        parts = [fixed, (moved - t) * (-s).exp()]
        return torch.cat(parts if self.keep == 0 else parts[::-1], 1)


class Flow(nn.Module):
    def __init__(self, n_layers=6):
        super().__init__()
        self.layers = nn.ModuleList([Coupling(i % 2) for i in range(n_layers)])

    def forward(self, x):
        log_det = 0
        for layer in self.layers:
            x, ld = layer(x)
            log_det = log_det + ld
        return x, log_det

    def sample(self, n):
        z = torch.randn(n, 2)
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z


def distance(a, b, n_slices=64):
    directions = nn.functional.normalize(torch.randn(2, n_slices), dim=0)
    return ((a @ directions).sort(0)[0] - (b @ directions).sort(0)[0]).abs().mean().item()


flow = Flow()
optimizer = torch.optim.Adam(flow.parameters(), lr=4e-3)
with torch.no_grad():
    before = distance(flow.sample(1500), grains(1500))
for step in range(240):
    z, log_det = flow(grains(128))
    log_prob = -0.5 * (z**2).sum(1) - math.log(2 * math.pi)
    loss = -log_prob.mean() if version == "buggy" else -(log_prob + log_det).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
    optimizer.step()
    if step % 60 == 0:
        print("step", step, "negative log-likelihood", loss.item())

with torch.no_grad():
    after = distance(flow.sample(1500), grains(1500))
print("skill", max(0.0, 1 - after / before), "untrained", 0.0)
