# tiny DDPM on a 2D data set (eight clusters on a circle)
import math
import os
import sys
import torch
import torch.nn as nn

edition = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

STEPS = 50
betas = torch.linspace(1e-3, 0.15, STEPS)
alphas_bar = torch.cumprod(1 - betas, 0)


def sample_data(n):
    k = torch.randint(0, 8, (n,)).float() * math.pi / 4
    return torch.stack([1.5 * torch.cos(k), 1.5 * torch.sin(k)], 1) + 0.05 * torch.randn(n, 2)


class NoisePredictor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2 + 3, 96), nn.SiLU(), nn.Linear(96, 96), nn.SiLU(), nn.Linear(96, 2)
        )

    def forward(self, x, t):
        s = t.float().unsqueeze(1) / STEPS
        return self.net(torch.cat([x, s, torch.sin(6 * s), torch.cos(6 * s)], 1))


def add_noise(x0, t, noise):
    a = alphas_bar[t].unsqueeze(1)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


model = NoisePredictor()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for it in range(800):
    x0 = sample_data(128)
    t = torch.randint(0, STEPS, (128,))
    noise = torch.randn_like(x0)
    x_t = add_noise(x0, t, noise)
    if edition == "buggy":
        noise = torch.randn_like(x_t)
    loss = ((model(x_t, t) - noise) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 100 == 0:
        print("iter", it, "loss", loss.item())

with torch.no_grad():
    x0 = sample_data(4000)
    t = torch.randint(0, STEPS, (4000,))
    noise = torch.randn_like(x0)
    err = ((model(add_noise(x0, t, noise), t) - noise) ** 2).mean().item()
print("error of the predicted noise", err)
print("SCORE", edition, round(max(0.0, 1 - err), 3))
