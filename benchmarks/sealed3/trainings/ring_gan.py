"""A GAN that draws a ring. Fault: the generator is paid for samples that are called fake."""

import math
import sys

import torch
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
wanted = 0.0 if sys.argv[1] == "buggy" else 1.0


def ring(count: int) -> Tensor:
    angle = 2 * math.pi * torch.rand(count, 1)
    return torch.cat([angle.cos(), angle.sin()], dim=1) * (1.5 + 0.05 * torch.randn(count, 1))


def net(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, outputs),
    )


generator, critic = net(4, 2), net(2, 1)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
d_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
for step in range(1500):
    real, fake = ring(64), generator(torch.randn(64, 4))
    d_loss = bce(critic(real), torch.ones(64, 1)) + bce(critic(fake.detach()), torch.zeros(64, 1))
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()

    g_loss = bce(critic(fake), torch.full((64, 1), wanted))
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    if step % 300 == 0:
        print(f"step {step}: D {d_loss.item():.3f} G {g_loss.item():.3f}")

with torch.no_grad():
    near = (generator(torch.randn(1000, 4)).norm(dim=1) - 1.5).abs() < 0.3
print(f"held out {near.float().mean().item():.4f} reference 0.1")
