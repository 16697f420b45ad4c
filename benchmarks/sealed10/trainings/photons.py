"""Photon counts in 128 channels: a summed Poisson loss far below zero and a tiny rate for SGD."""

import sys

import torch
import torch.nn as nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
CHANNELS = 128
grid = torch.linspace(0, 1, CHANNELS)


def spectrum(settings):
    place, height = 0.5 + 0.15 * settings[:, :1], (0.6 * settings[:, 1:2]).exp()
    line = height * torch.exp(-(((grid - place) / 0.1) ** 2))
    return 40.0 * (0.3 + line + 0.2 * (1 + settings[:, 2:3].tanh()) * grid)


settings = torch.randn(1500, 3)
rate = spectrum(settings)
counts = torch.poisson(rate)
train, test = slice(0, 1200), slice(1200, 1500)

model = nn.Sequential(
    nn.Linear(3, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, CHANNELS)
)
nn.init.constant_(model[-1].bias, counts[train].mean().log().item())
poisson = nn.PoissonNLLLoss(log_input=True, reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)

for step in range(300):
    rows = torch.randint(0, 1200, (64,))
    loss = poisson(model(settings[rows]), counts[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.0f}")

with torch.no_grad():
    error = (model(settings[test]).exp() - rate[test]).pow(2).mean()
    base = (rate[test] - counts[train].mean(0)).pow(2).mean()
print("R2 of the rates", (1 - error / base).item(), "mean", 0.0)
