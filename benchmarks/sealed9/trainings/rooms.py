"""Two tasks, one trunk, and weights of the tasks that are learned along with the rest."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
STEPS = 300

plan = torch.randn(6, 12)  # what six kinds of rooms look like to twelve sensors


def measure(n):
    kind = torch.randint(0, 6, (n,))
    size = torch.rand(n, 1)
    x = plan[kind] * (0.5 + size) + 0.3 * torch.randn(n, 12)
    return x, kind, 3 * size - 1.5


class TwoTasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.kind_head = nn.Linear(64, 6)
        self.size_head = nn.Linear(64, 1)
        self.balance = nn.Parameter(torch.ones(2) if version == "buggy" else torch.zeros(2))

    def forward(self, x):
        h = self.trunk(x)
        return self.kind_head(h), self.size_head(h)

    def weigh(self, losses):
        if version == "buggy":
            return (self.balance * losses).sum()
        return (torch.exp(-self.balance) * losses + self.balance).sum()


net = TwoTasks()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(STEPS):
    x, kind, size = measure(64)
    scores, guess = net(x)
    losses = torch.stack([F.cross_entropy(scores, kind), F.mse_loss(guess, size)])
    loss = net.weigh(losses)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} total {loss.item():.3f} tasks {losses.tolist()}")

with torch.no_grad():
    x, kind, size = measure(1000)
    scores, guess = net(x)
    accuracy = (scores.argmax(1) == kind).float().mean().item()
    r2 = max(0.0, 1 - (F.mse_loss(guess, size) / size.var()).item())
print("mean of accuracy and R2", (accuracy + r2) / 2, "blind", 1 / 12)
