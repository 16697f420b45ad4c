"""PINN: solve the heat equation from its residual alone; the net never sees a value of the solution."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, DIFFUSION = 300, 0.1


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(2, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, x, t):
        return self.body(torch.cat([x, t], dim=1))


def derivative(u, v):
    return torch.autograd.grad(u, v, torch.ones_like(u), create_graph=True)[0]


def residual(net, n):
    x = torch.rand(n, 1, requires_grad=True)
    t = torch.rand(n, 1, requires_grad=True)
    u = net(x, t)
    return derivative(u, t) - DIFFUSION * derivative(derivative(u, x), x)


def boundary(net, n):
    t, x = torch.rand(n, 1), torch.rand(n, 1)
    walls = net(torch.zeros(n, 1), t).pow(2) + net(torch.ones(n, 1), t).pow(2)
    start = (net(x, torch.zeros(n, 1)) - torch.sin(torch.pi * x)).pow(2)
    return walls.mean() + start.mean()


def solution(x, t):
    return torch.exp(-DIFFUSION * torch.pi**2 * t) * torch.sin(torch.pi * x)


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.995)
for step in range(STEPS):
    pde, edge = residual(net, 200).pow(2).mean(), boundary(net, 100)
    loss = pde + 10 * edge
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        print(f"step {step} pde {pde.item():.5f} boundary {edge.item():.5f}")

with torch.no_grad():
    x, t = torch.rand(2000, 1), torch.rand(2000, 1)
    truth = solution(x, t)
    r2 = 1 - (net(x, t) - truth).pow(2).mean() / truth.var()
print("R2", r2.item(), "mean", 0.0)
