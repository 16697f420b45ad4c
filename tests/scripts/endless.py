"""Trains until somebody stops it; says `ready` when there is something to report."""

import time

import torch
from torch import nn

torch.manual_seed(0)
layers = [m for _ in range(10) for m in (nn.Linear(32, 32), nn.Sigmoid())]
net = nn.Sequential(nn.Linear(8, 32), *layers, nn.Linear(32, 4))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
step = 0
while True:
    x = torch.randn(32, 8)
    loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    step += 1
    if step == 30:
        print("ready", flush=True)
    if step > 30:
        time.sleep(0.02)
