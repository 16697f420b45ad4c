"""MAML: learn to fit a sine wave from ten points with a few gradient steps."""

import sys

import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
net = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
meta = torch.optim.Adam(net.parameters(), lr=2e-3)
INNER = 0.02


def task():
    amplitude, phase = 1 + 3 * torch.rand(1), torch.pi * torch.rand(1)

    def points(n):
        x = 10 * torch.rand(n, 1) - 5
        return x / 3, amplitude * torch.sin(x + phase)

    return points


def adapt(points, steps, graph):
    weights = dict(net.named_parameters())
    x, y = points(10)
    for _ in range(steps):
        loss = ((functional_call(net, weights, (x,)) - y) ** 2).mean()
        grads = torch.autograd.grad(loss, list(weights.values()), create_graph=graph)
        weights = {k: w - INNER * g for (k, w), g in zip(weights.items(), grads)}
    return weights


for iteration in range(450):
    outer = 0.0
    for _ in range(5):
        points = task()
        weights = adapt(points, steps=2, graph=True)
        x, y = points(20)
        outer = outer + ((functional_call(net, weights, (x,)) - y) ** 2).mean() / 5
    meta.zero_grad()
    outer.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 10.0)
    meta.step()
    if iteration % 100 == 0:
        print("iteration", iteration, "loss after adaptation", round(outer.item(), 3))

left = total = 0.0
for _ in range(100):
    points = task()
    weights = adapt(points, steps=5, graph=False)
    x, y = points(100)
    left += ((functional_call(net, weights, (x,)) - y) ** 2).mean().item()
    total += (y**2).mean().item()
print("explained", max(0.0, 1 - left / total), "zero", 0.0)
