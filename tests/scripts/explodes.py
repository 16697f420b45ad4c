"""A learning rate of 50; the script itself notices that the loss is no number, and raises."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=50.0)


def train_one() -> None:
    x = torch.randn(64, 8)
    optimizer.zero_grad()
    loss = ((net(x) - x.sum(1, keepdim=True)) ** 2).mean()
    loss.backward()
    optimizer.step()
    if not torch.isfinite(loss):
        raise ValueError("the loss is no number")


for _ in range(100):
    train_one()
