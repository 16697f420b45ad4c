"""Impedance of a circuit from its parts, rate reduced on plateau."""

import sys

import torch
from sklearn.datasets import make_friedman2
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 60

X, y = make_friedman2(n_samples=900, noise=20.0, random_state=1)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
X, y = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
train = DataLoader(TensorDataset(X[:300], y[:300]), batch_size=60, shuffle=True)

model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
mode = "max" if sys.argv[1] == "buggy" else "min"
scheduler = ReduceLROnPlateau(optimizer, mode=mode, factor=0.1, patience=1)
criterion = nn.MSELoss()

for epoch in range(EPOCHS):
    total = 0.0
    for inputs, targets in train:
        optimizer.zero_grad()
        loss = criterion(model(inputs).squeeze(1), targets)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step(total / len(train))
    if epoch % 10 == 0:
        print("epoch", epoch, "loss", total / len(train), "lr", optimizer.param_groups[0]["lr"])

with torch.no_grad():
    residual = criterion(model(X[600:]).squeeze(1), y[600:]).item()
print("R2", max(0.0, 1 - residual / y[600:].var().item()), "mean", 0.0)
