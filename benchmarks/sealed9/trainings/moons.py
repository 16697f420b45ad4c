"""DDPM on two moons. The loss stays at 1.0 and the samples are a Gaussian blob."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_moons

version = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
T, ITERS = 50, 300

points, _ = make_moons(2500, noise=0.04, random_state=seed)
points = torch.tensor(points, dtype=torch.float32)
points = (points - points.mean(0)) / points.std(0)
betas = torch.linspace(1e-3, 0.2, T)
alphas_bar = torch.cumprod(1 - betas, dim=0)


def q_sample(x0, t, noise=None):
    if noise is None:
        noise = torch.randn_like(x0)
    ab = alphas_bar[t].unsqueeze(1)
    return ab.sqrt() * x0 + (1 - ab).sqrt() * noise


class Denoiser(nn.Module):
    def __init__(self, width=96):
        super().__init__()
        self.time = nn.Embedding(T, 16)
        self.net = nn.Sequential(
            nn.Linear(18, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
        )

    def forward(self, x, t):
        return self.net(torch.cat([x, self.time(t)], dim=1))


def p_losses(model, x0):
    t = torch.randint(0, T, (len(x0),))
    noise = torch.randn_like(x0)
    x_noisy = q_sample(x0, t) if version == "buggy" else q_sample(x0, t, noise)
    return F.mse_loss(model(x_noisy, t), noise)


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for it in range(ITERS):
    x0 = points[torch.randint(0, 2000, (128,))]
    loss = p_losses(model, x0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 50 == 0:
        print(f"iter {it}: {loss.item():.4f}")

with torch.no_grad():
    x0 = points[2000:].repeat(8, 1)
    t = torch.randint(0, T, (len(x0),))
    noise = torch.randn_like(x0)
    error = F.mse_loss(model(q_sample(x0, t, noise), t), noise)
print("explained noise", 1 - error.item(), "zero", 0.0)
