"""Estimate the load of a machine from sensor readings, some of which are missing."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
rng = np.random.default_rng(SEED)
torch.manual_seed(SEED)
EPOCHS = 8

readings = rng.normal(size=(2000, 8)).astype(np.float32)
load = (
    np.sin(readings[:, 0] * 1.5) + readings[:, 1] * readings[:, 2] + 0.5 * readings[:, 3]
).astype(np.float32)
load += 0.1 * rng.normal(size=2000).astype(np.float32)
readings[rng.random((2000, 8)) < 0.02] = np.nan

# drop rows with a missing reading
complete = ~np.isnan(readings).any(axis=1)
X = readings[complete]
y = load[: len(X)] if sys.argv[1] == "buggy" else load[complete]
print("rows left:", len(X), len(y))

cut = int(0.8 * len(X))
y = (y - y.mean()) / y.std()
train = TensorDataset(torch.from_numpy(X[:cut]), torch.from_numpy(y[:cut]))
test_x, test_y = torch.from_numpy(X[cut:]), torch.from_numpy(y[cut:])

model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
mse = nn.MSELoss()
for epoch in range(EPOCHS):
    losses = []
    for xb, yb in DataLoader(train, batch_size=40, shuffle=True):
        loss = mse(model(xb).squeeze(1), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(epoch, np.mean(losses))

model.eval()
with torch.no_grad():
    r2 = 1 - mse(model(test_x).squeeze(1), test_y).item() / test_y.var().item()
print("R2", max(0.0, r2), "mean", 0.0)
