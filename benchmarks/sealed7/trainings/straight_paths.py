"""Rectified flow (flow matching): learn the velocity from noise to four islands, then integrate it."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 300


islands = torch.tensor([[2.0, 1.5], [-1.5, 2.0], [-2.0, -1.5], [1.5, -2.0]])


def sample(n):
    return islands[torch.randint(0, 4, (n,))] + 0.1 * torch.randn(n, 2)


class Velocity(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(2 + 16, 128)
        self.blocks = nn.ModuleList(nn.Linear(128, 128) for _ in range(3))
        self.leave = nn.Linear(128, 2)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x, t):
        waves = t * 2 ** torch.arange(8.0)
        h = self.enter(torch.cat([x, waves.sin(), waves.cos()], 1))
        for block in self.blocks:
            h = h + block(torch.nn.functional.silu(h))
        return self.leave(h)


model = Velocity()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(STEPS):
    x1 = sample(256)
    x0, t = torch.randn_like(x1), torch.rand(256, 1)
    loss = ((model((1 - t) * x0 + t * x1, t) - (x1 - x0)) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    x = torch.randn(1000, 2)
    for k in range(50):
        x = x + model(x, torch.full((1000, 1), k / 50)) / 50
    off = torch.cdist(x, islands).min(1).values.mean()
    off_noise = torch.cdist(1.8 * torch.randn(1000, 2), islands).min(1).values.mean()
print("closeness to the islands", max(0.0, 1 - (off / off_noise).item()), "gaussian", 0.0)
