"""Gated network (GLU everywhere) for wind turbine power. Twelve layers do worse than one."""

import argparse

import torch
from torch import nn
from torch.nn import functional as F

p = argparse.ArgumentParser()
p.add_argument("version")
p.add_argument("seed", nargs="?", type=int, default=0)
p.add_argument("--layers", type=int, default=12)
p.add_argument("--width", type=int, default=64)
a = p.parse_args()
torch.manual_seed(a.seed)


class Gated(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj = nn.Linear(width, 2 * width)

    def forward(self, h):
        out = F.glu(self.proj(h), dim=-1)
        return out if a.version == "buggy" else h + out


class Net(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.first = nn.Linear(inputs, a.width)
        self.layers = nn.ModuleList(Gated(a.width) for _ in range(a.layers))
        self.last = nn.Linear(a.width, 1)

    def forward(self, x):
        h = self.first(x)
        for layer in self.layers:
            h = layer(h)
        return self.last(h).squeeze(-1)


wind = torch.rand(2400) * 20
angle, density = torch.randn(2400), torch.randn(2400)
power = (wind.clamp(3, 12) - 3) / 9 * torch.cos(0.5 * angle) * (1 + 0.1 * density)
power = (power - power.mean()) / power.std()
x = torch.stack([(wind - 10) / 5.8, angle, density], 1)
train, test = slice(0, 2000), slice(2000, None)

net = Net(3)
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for step in range(280):
    i = torch.randint(0, 2000, (64,))
    loss = F.mse_loss(net(x[i]), power[i])
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item())

with torch.no_grad():
    error = F.mse_loss(net(x[test]), power[test]) / power[test].var()
print("R2", max(0.0, 1 - error.item()), "mean", 0.0)
