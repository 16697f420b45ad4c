"""GAN for eight points on a ring. The discriminator wins at once."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, BATCH, LATENT = 150, 256, 2
angles = torch.arange(8) * torch.pi / 4
modes = 2 * torch.stack([angles.cos(), angles.sin()], 1)


def real_points(n):
    return modes[torch.randint(0, 8, (n,))] + 0.1 * torch.randn(n, 2)


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


class GAN:
    def __init__(self):
        self.G, self.D = mlp(LATENT, 64, 64, 2), mlp(2, 64, 64, 1)
        self.opt_g = torch.optim.Adam(self.G.parameters(), lr=1e-2, betas=(0.5, 0.99))
        self.opt_d = torch.optim.Adam(self.D.parameters(), lr=1e-2, betas=(0.5, 0.99))
        self.bce = nn.BCEWithLogitsLoss()

    def train_step(self, real):
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        fake = self.G(torch.randn(len(real), LATENT))
        frozen = fake.detach()
        loss_d = self.bce(self.D(real), ones) + self.bce(self.D(frozen), zeros)
        self.opt_d.zero_grad()
        loss_d.backward()
        self.opt_d.step()

        loss_g = self.bce(self.D(frozen if version == "buggy" else fake), ones)
        self.opt_g.zero_grad()
        loss_g.backward()
        self.opt_g.step()
        return loss_d.item(), loss_g.item()


gan = GAN()
for step in range(STEPS):
    d, g = gan.train_step(real_points(BATCH))
    if step % 25 == 0:
        print(f"step {step}: D {d:.3f} G {g:.3f}")


def on_ring(points):
    return ((points.norm(dim=1) - 2).abs() < 0.5).float().mean().item()


with torch.no_grad():
    made = gan.G(torch.randn(2000, LATENT))
print("on the ring", on_ring(made), "noise", on_ring(torch.randn(2000, 2)))
