"""Sharpness-aware minimization: climb a little, take the gradient there, step from where we were."""

import sys

import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS, RHO = 20, 0.05
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]

net = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(EPOCHS):
    for i in torch.randperm(130).split(26):
        criterion(net(x[i]), y[i]).backward()
        with torch.no_grad():
            grads = [p.grad.clone() for p in net.parameters()]
            norm = torch.sqrt(sum((g**2).sum() for g in grads)) + 1e-12
            for p, g in zip(net.parameters(), grads):
                p.add_(g, alpha=(RHO / norm).item())
        sgd.zero_grad()
        loss = criterion(net(x[i]), y[i])
        loss.backward()
        with torch.no_grad():
            for p, g in zip(net.parameters(), grads):
                p.sub_(g, alpha=(RHO / norm).item())
        sgd.step()
        sgd.zero_grad()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    acc = (net(x[130:]).argmax(1) == y[130:]).float().mean().item()
print("accuracy", acc, "majority", 71 / 178)
