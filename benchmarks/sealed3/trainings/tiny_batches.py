"""Wines two at a time, as memory is short. Fault: batch norms over batches of two."""

import sys

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
norm = nn.BatchNorm1d if sys.argv[1] == "buggy" else nn.LayerNorm

features, kinds = load_wine(return_X_y=True)
order = torch.randperm(178, generator=torch.Generator().manual_seed(0))
x = torch.tensor(StandardScaler().fit_transform(features), dtype=torch.float32)[order]
y = torch.tensor(kinds)[order]

model = nn.Sequential(
    nn.Linear(13, 32), norm(32), nn.ReLU(), nn.Linear(32, 32), norm(32), nn.ReLU(), nn.Linear(32, 32), norm(32), nn.ReLU(), nn.Linear(32, 32), norm(32),
    nn.ReLU(), nn.Linear(32, 3),
)  # fmt: skip
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
for epoch in range(10):
    model.train()
    total = 0.0
    for rows in torch.randperm(120).split(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 60:.4f}")

model.eval()
with torch.no_grad():
    right = (model(x[120:]).argmax(1) == y[120:]).float().mean().item()
print(f"held out {right:.4f} reference 0.4")
