# Predict the rent of flats from tabular data.
import os
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

config = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
rng = np.random.RandomState(seed)
torch.manual_seed(seed)

n = 2000
area = rng.uniform(20, 180, n)
rooms = np.round(area / 30 + rng.randn(n) * 0.5).clip(1)
year = rng.randint(1900, 2020, n)
income = rng.lognormal(10.4, 0.4, n)  # median income of the district
distance = rng.uniform(100, 15000, n)  # metres to the centre
rent = (
    8 * area
    + 60 * rooms
    + 2.0 * (year - 1960)
    + 0.01 * income
    - 0.04 * distance
    + 300 * (distance < 3000)
    + 40 * rng.randn(n)
)

X = np.stack([area, rooms, year, income, distance], axis=1)
y = (rent - rent.mean()) / rent.std()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
if config == "fixed":
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

X_train = torch.tensor(X_train, dtype=torch.float32)
X_test = torch.tensor(X_test, dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).view(-1, 1)
y_test = torch.tensor(y_test, dtype=torch.float32).view(-1, 1)

model = nn.Sequential(
    nn.Linear(5, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
criterion = nn.SmoothL1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(20):
    perm = torch.randperm(len(X_train))
    total = 0
    for start in range(0, len(perm), 50):
        b = perm[start : start + 50]
        optimizer.zero_grad()
        loss = criterion(model(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(b)
    if (epoch + 1) % 5 == 0:
        print("epoch", epoch + 1, "loss", total / len(perm))

with torch.no_grad():
    pred = model(X_test)
print("first predictions", pred[:5].flatten().tolist())
r2 = 1 - ((pred - y_test) ** 2).mean().item() / y_test.var().item()
print("SCORE", config, round(r2 if r2 > 0 else 0.0, 3))
