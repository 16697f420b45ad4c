import sys

import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
epochs = 6

digits = load_digits()
X, y = digits.data.astype(np.float32), digits.target
# standardize every pixel
mean, std = X.mean(axis=0), X.std(axis=0)
if version == "fixed":
    std = std + 1e-3
with np.errstate(all="ignore"):
    X = (X - mean) / std
idx = torch.randperm(len(X)).numpy()
X, y = torch.from_numpy(X[idx]), torch.from_numpy(y[idx])

model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(epochs):
    for i in range(0, 1400, 32):
        xb, yb = X[i : min(i + 32, 1400)], y[i : min(i + 32, 1400)]
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    print("epoch", epoch, loss.item())

model.eval()
with torch.no_grad():
    acc = (model(X[1400:]).argmax(dim=1) == y[1400:]).float().mean()
print("accuracy", acc.item(), "chance", 0.1)
