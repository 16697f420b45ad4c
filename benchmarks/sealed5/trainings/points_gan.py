"""Small GAN for a 2D point cloud (a shifted ring)"""

import math
import os
import sys

import torch
import torch.nn as nn

choice = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))


def sample_real(n):
    angle = torch.rand(n) * 2 * math.pi
    radius = 1.0 + 0.05 * torch.randn(n)
    return torch.stack([radius * torch.cos(angle) + 1.5, radius * torch.sin(angle) - 0.5], dim=1)


def energy_distance(a, b):
    return (
        2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()
    ).item()


z_dim = 4
G = nn.Sequential(
    nn.Linear(z_dim, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2)
)
D = nn.Sequential(
    nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
)
opt_g = torch.optim.Adam(G.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
batch = 128
ones = torch.ones(batch, 1)
zeros = torch.zeros(batch, 1)

for step in range(1000):
    # train D
    real = sample_real(batch)
    fake = G(torch.randn(batch, z_dim))
    loss_d = bce(D(real), ones) + bce(D(fake.detach()), zeros)
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()

    # train G
    fake = G(torch.randn(batch, z_dim))
    if choice == "buggy":
        fake = fake.detach()
    loss_g = bce(D(fake), ones)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()

    if step % 300 == 0:
        print(f"[{step}] loss_d {loss_d.item():.3f} loss_g {loss_g.item():.3f}")

with torch.no_grad():
    gen = G(torch.randn(1000, z_dim))
real = sample_real(1000)
point = real.mean(0, keepdim=True).expand(1000, 2)
score = 1 - energy_distance(gen, real) / energy_distance(point, real)
print("mean of the samples", gen.mean(0).tolist())
print("SCORE", choice, round(max(0.0, score), 3))
