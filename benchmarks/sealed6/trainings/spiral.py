"""Diffusion model for points on a spiral"""

import sys

import torch
from torch import nn

variant = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
T = 300
betas = torch.linspace(1e-4, 0.04, T)
alphas = 1 - betas
alpha_bar = torch.cumprod(betas if variant == "buggy" else alphas, 0)


def spiral(n):
    phi = 2.5 * torch.pi * (0.2 + 0.8 * torch.rand(n))
    points = torch.stack([phi * torch.cos(phi), phi * torch.sin(phi)], 1) / 4
    return points + 0.03 * torch.randn(n, 2)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(3, 128),
            nn.SiLU(),
            nn.Linear(128, 128),
            nn.SiLU(),
            nn.Linear(128, 128),
            nn.SiLU(),
            nn.Linear(128, 2),
        )

    def forward(self, x, t):
        return self.net(torch.cat([x, t.float().unsqueeze(1) / T], dim=1))


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1800):
    x0 = spiral(256)
    t = torch.randint(0, T, (256,))
    noise = torch.randn_like(x0)
    a = alpha_bar[t].unsqueeze(1)
    loss = ((model(a.sqrt() * x0 + (1 - a).sqrt() * noise, t) - noise) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 200 == 0:
        print(f"{step}: {loss.item():.4f}")

with torch.no_grad():
    x = torch.randn(1000, 2)
    for k in reversed(range(T)):
        eps = model(x, torch.full((1000,), k))
        x = (x - betas[k] / (1 - alpha_bar[k]).sqrt() * eps) / alphas[k].sqrt()
        if k > 0:
            x = x + betas[k].sqrt() * torch.randn_like(x)
real = spiral(3000)
x = torch.nan_to_num(x, 0.0).clamp(-10, 10)
off = torch.cdist(x, real).min(1).values.mean()
blob = real.mean(0) + torch.randn(1000, 2) @ torch.linalg.cholesky(torch.cov(real.T)).T
off_blob = torch.cdist(blob, real).min(1).values.mean()
print("closeness to the spiral", max(0.0, (1 - off / off_blob).item()), "gaussian", 0.0)
