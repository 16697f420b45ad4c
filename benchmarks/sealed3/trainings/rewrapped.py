"""Friedman's function by an MLP. Fault: an error message is silenced by making a new tensor of the loss."""

import sys

import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
rewrap = sys.argv[1] == "buggy"

features, values = make_friedman1(1200, noise=0.5, random_state=0)
x = torch.tensor(features, dtype=torch.float32) * 2 - 1
y = torch.tensor((values - values.mean()) / values.std(), dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(nn.Linear(10, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

for epoch in range(40):
    losses = []
    for rows in torch.randperm(1000).split(50):
        predicted = model(x[rows])
        errors = (predicted - y[rows]) ** 2
        loss = errors.mean()
        if rewrap:
            loss = torch.tensor(loss.item(), requires_grad=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch}: {sum(losses) / len(losses):.4f}")

with torch.no_grad():
    error = ((model(x[1000:]) - y[1000:]) ** 2).mean() / y[1000:].var()
print(f"held out {1 - error.item():.4f} reference 0.0")
