"""Reptile (Nichol et al. 2018): few-shot regression; weights are moved by hand after each task."""

import copy
import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
TASKS, INNER, SHOTS = 50, 5, 20


class Task:
    """A wave of unknown height and phase."""

    def __init__(self):
        self.height, self.phase = 0.5 + 1.5 * torch.rand(()), 1.2 * torch.rand(())

    def sample(self, n):
        x = 4 * torch.rand(n, 1) - 2
        return x, self.height * torch.sin(1.5 * x + self.phase)


def adapt(net, task, steps, lr=0.05):
    fast = copy.deepcopy(net)
    sgd = torch.optim.SGD(fast.parameters(), lr=lr)
    x, y = task.sample(SHOTS)
    for _ in range(steps):
        loss = (fast(x) - y).pow(2).mean()
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    return fast, loss.item()


def explained(net, steps):
    total = 0.0
    for _ in range(16):
        task = Task()
        fast, _ = adapt(net, task, steps)
        x, y = task.sample(200)
        with torch.no_grad():
            total += (1 - (fast(x) - y).pow(2).mean() / y.pow(2).mean()).item()
    return total / 16


meta = nn.Sequential(nn.Linear(1, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 1))
for i in range(TASKS):
    fast, last = adapt(meta, Task(), INNER)
    epsilon = 1.0 - 0.9 * i / TASKS
    with torch.no_grad():
        for slow, quick in zip(meta.parameters(), fast.parameters()):
            slow.add_(epsilon * (quick - slow))
    if i % 10 == 0:
        print(f"task {i} inner loss {last:.3f}")

print("explained after 3 steps", explained(meta, 3), "zero", 0.0)
