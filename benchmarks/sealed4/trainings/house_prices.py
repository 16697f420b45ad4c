"""Prices of houses from a table. Fault: prices are left in dollars."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)

n = 2000
area = rng.gamma(6, 25, n)
rooms = np.clip(np.round(area / 30 + rng.normal(0, 1, n)), 1, 9)
age = rng.uniform(0, 90, n)
distance = rng.exponential(8, n)
garden = rng.integers(0, 2, n)
price = 900 * area + 9000 * rooms - 600 * age + 90000 * np.exp(-distance / 6) * (1 + garden)
price = price + rng.normal(0, 15000, n)

X = np.stack([area, rooms, age, distance, garden], axis=1)
X = (X - X[:1500].mean(0)) / X[:1500].std(0)
y = price
if sys.argv[1] == "fixed":
    y = (y - y[:1500].mean()) / y[:1500].std()

X_train = torch.tensor(X[:1500], dtype=torch.float32)
y_train = torch.tensor(y[:1500], dtype=torch.float32).unsqueeze(1)
X_test = torch.tensor(X[1500:], dtype=torch.float32)
y_test = torch.tensor(y[1500:], dtype=torch.float32).unsqueeze(1)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(5, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(30):
    for xb, yb in loader:
        pred = model(xb)
        loss = loss_fn(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", loss.item())

model.eval()
with torch.no_grad():
    rest = ((model(X_test) - y_test) ** 2).mean() / y_test.var(unbiased=False)
print(f"R2 {1 - rest.item():.4f} mean 0.0")
