"""A GAN learns eight points on a circle. Fault: the generator's own step sees detached samples."""

import math
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)


def real(rows: int) -> Tensor:
    angle = torch.randint(8, (rows,)) * (2 * math.pi / 8)
    return 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(rows, 2)


def mlp(width_in: int, width_out: int) -> nn.Module:
    layers = [nn.Linear(width_in, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(64, width_out))


generator, critic = mlp(8, 2), mlp(2, 1)
of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
of_critic = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
for _ in range(800):
    fake = generator(torch.randn(128, 8))
    of_critic.zero_grad()
    loss_critic = F.softplus(-critic(real(128))).mean() + F.softplus(critic(fake.detach())).mean()
    loss_critic.backward()
    of_critic.step()

    of_generator.zero_grad()
    judged = critic(fake.detach()) if fault == "detached" else critic(fake)
    loss_generator = F.softplus(-judged).mean()
    loss_generator.backward()
    of_generator.step()

with torch.no_grad():
    radius = generator(torch.randn(1000, 8)).norm(dim=1)
print(f"held out {(radius - 2).abs().lt(0.5).float().mean().item():.4f} reference 0.0")
