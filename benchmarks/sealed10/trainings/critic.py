"""WGAN with a gradient penalty: two critic steps for each step of the generator."""

import sys

import torch
from torch import nn
from torch.autograd import grad

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
LATENT, BATCH, LAMBDA = 4, 96, 1.0
CENTERS = torch.tensor([[2.5, 0.0], [-0.5, 2.0]])


def real(n):
    return CENTERS[torch.randint(0, 2, (n,))] + 0.3 * torch.randn(n, 2)


def mlp(a, b):
    return nn.Sequential(
        nn.Linear(a, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, b)
    )


generator, critic = mlp(LATENT, 2), mlp(2, 1)
opt_g = torch.optim.Adam(generator.parameters(), lr=3e-3, betas=(0.0, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=4e-3, betas=(0.0, 0.9))


def gradient_penalty(x, fake):
    eps = torch.rand(len(x), 1)
    between = (eps * x + (1 - eps) * fake).requires_grad_(True)
    (slope,) = grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1).pow(2).mean()


def energy_distance(a, b):
    return 2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()


with torch.no_grad():
    sample = real(1000)
    before = energy_distance(generator(torch.randn(1000, LATENT)), sample)
for step in range(100):
    for _ in range(2):
        x, fake = real(BATCH), generator(torch.randn(BATCH, LATENT)).detach()
        loss_c = critic(fake).mean() - critic(x).mean() + LAMBDA * gradient_penalty(x, fake)
        opt_c.zero_grad()
        loss_c.backward()
        opt_c.step()
    loss_g = -critic(generator(torch.randn(BATCH, LATENT))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if step % 20 == 0:
        print(f"step {step} critic {loss_c.item():.4f} generator {loss_g.item():.4f}")
with torch.no_grad():
    after = energy_distance(generator(torch.randn(1000, LATENT)), sample)
print("energy distance removed", (1 - after / before).item(), "untrained", 0.0)
