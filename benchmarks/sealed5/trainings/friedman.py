# Regression with gradient accumulation, as my real batches don't fit in memory
import os
import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1

param = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)

X, y = make_friedman1(n_samples=2400, n_features=8, noise=0.5, random_state=seed)
X = torch.tensor((X - 0.5) * 3.4, dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32).unsqueeze(1)
X_train, y_train, X_test, y_test = X[:1920], y[:1920], X[1920:], y[1920:]

model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
criterion = nn.MSELoss()
accumulation_steps = 16

for epoch in range(15):
    optimizer.zero_grad()
    running = 0.0
    for i, b in enumerate(torch.randperm(1920).split(8)):
        loss = criterion(model(X_train[b]), y_train[b])
        running += loss.item()
        if param == "fixed":
            loss = loss / accumulation_steps
        loss.backward()
        if (i + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
    print("epoch", epoch, "loss", running / (i + 1))

with torch.no_grad():
    mse = ((model(X_test) - y_test) ** 2).mean().item()
r2 = 1 - mse / y_test.var().item()
print("test R2", r2)
print("SCORE", param, round(r2 if r2 > 0 else 0.0, 3))
