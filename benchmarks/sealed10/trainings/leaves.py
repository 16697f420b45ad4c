"""Leaf shapes from 64 radii, with a rate that decays by 1% an epoch."""

import sys

import torch
import torch.nn as nn
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

KINDS = 8
angle = torch.arange(64) * 2 * torch.pi / 64


def leaves(n):
    kind = torch.randint(0, KINDS, (n,))
    lobes, depth = 2 + kind % 4, 0.2 + 0.25 * (kind // 4)
    turn = 0.3 * torch.randn(n, 1)
    radius = 1 + depth[:, None] * torch.cos(lobes[:, None] * (angle + turn))
    return radius + 0.15 * torch.randn(n, 64), kind


x_train, y_train = leaves(1500)
x_test, y_test = leaves(400)

net = nn.Sequential(
    nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, KINDS)
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
decay = lambda epoch: 0.99**epoch  # noqa: E731
if version == "buggy":
    scheduler = MultiplicativeLR(optimizer, lr_lambda=decay)
else:
    scheduler = LambdaLR(optimizer, lr_lambda=decay)

for epoch in range(150):
    for part in torch.randperm(1500)[:512].split(256):
        optimizer.zero_grad()
        loss = criterion(net(x_train[part]), y_train[part])
        loss.backward()
        optimizer.step()
    scheduler.step()
    if epoch % 25 == 0:
        print(f"epoch {epoch:3d} loss {loss.item():.4f}")

with torch.no_grad():
    print("accuracy", (net(x_test).argmax(1) == y_test).float().mean().item(), "chance", 1 / KINDS)
