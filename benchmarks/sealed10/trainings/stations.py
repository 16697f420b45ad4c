"""Rain tomorrow? Readings of weather stations, with gaps, in a plain MLP."""

import sys

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

version = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
rng = np.random.default_rng(seed)

MISSING = -9999.0
n, columns = 2400, 8
X = rng.normal(size=(n, columns)) * rng.uniform(1, 4, columns) + rng.uniform(5, 20, columns)
Z = (X - X.mean(0)) / X.std(0)
score = Z[:, 0] - Z[:, 1] + 1.5 * Z[:, 2] * Z[:, 3] + 0.8 * Z[:, 4]
y = (score > np.median(score)).astype(np.float32)
X[rng.random(X.shape) < 0.03] = MISSING


def fill_gaps(X):
    X = X.copy()
    X[X == MISSING] = np.nan
    return np.where(np.isnan(X), np.nanmedian(X, axis=0), X)


if version != "buggy":
    X = fill_gaps(X)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

model = torch.nn.Sequential(
    torch.nn.Linear(columns, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 64),
    torch.nn.ReLU(),
    torch.nn.Linear(64, 1),
)
criterion = torch.nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    perm = torch.randperm(len(X_train))
    for start in range(0, len(perm), 64):
        rows = perm[start : start + 64]
        loss = criterion(model(X_train[rows]).squeeze(1), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

with torch.no_grad():
    acc = ((model(X_test).squeeze(1) > 0) == (y_test > 0)).float().mean().item()
print("accuracy", acc, "chance", 0.5)
