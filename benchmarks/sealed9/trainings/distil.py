"""Distil a wide net for the digits into a narrow one (Hinton et al. 2015)."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
TEMPERATURE, ALPHA, STEPS = 3.0, 0.7, 200

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]


def mlp(width):
    return nn.Sequential(
        nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def pretrained(width):
    """Stands for a checkpoint: pixels are projected at random, and the last layer is solved for."""
    net = mlp(width)
    with torch.no_grad():
        hidden = net[:4](x[:1400])
        hidden = torch.cat([hidden, torch.ones(1400, 1)], dim=1)
        ridge = hidden.T @ hidden + 1e-2 * torch.eye(width + 1)
        solved = torch.linalg.solve(ridge, hidden.T @ (6 * F.one_hot(y[:1400], 10).float()))
        net[4].weight.copy_(solved[:-1].T)
        net[4].bias.copy_(solved[-1])
    return net


def distillation_loss(student_logits, teacher_logits, labels):
    soft = F.kl_div(
        F.log_softmax(student_logits / TEMPERATURE, dim=1),
        F.softmax(teacher_logits / TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    return ALPHA * TEMPERATURE**2 * soft + (1 - ALPHA) * F.cross_entropy(student_logits, labels)


teacher, student = pretrained(200), mlp(32)
trained = teacher if version == "buggy" else student
optimizer = torch.optim.Adam(trained.parameters(), lr=2e-3)
for step in range(STEPS):
    i = torch.randint(0, 1400, (48,))
    with torch.no_grad():
        target = teacher(x[i])
    loss = distillation_loss(student(x[i]), target, y[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    acc = (student(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print("student accuracy", acc, "chance", 0.1)
