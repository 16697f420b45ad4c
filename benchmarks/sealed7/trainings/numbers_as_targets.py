"""Digits with MSE loss, network has ten outputs. UserWarning about sizes, but it runs."""

import sys
import warnings

import torch
from sklearn.datasets import load_digits
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 6

X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16, dtype=torch.float32)
y = torch.tensor(y)
order = torch.randperm(len(X))
X, y = X[order], y[order]
if sys.argv[1] == "buggy":
    target = y.float().unsqueeze(1)
else:
    target = nn.functional.one_hot(y, 10).float()

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(EPOCHS):
    for b in torch.randperm(1400).split(32):
        optimizer.zero_grad()
        loss = mse(model(X[b]), target[b])
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    acc = (model(X[1400:]).argmax(1) == y[1400:]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
