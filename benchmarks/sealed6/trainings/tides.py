"""One-step forecast of the water level with a GRU."""

import sys

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
np.random.seed(SEED)
torch.manual_seed(SEED)

WINDOW = 24
hours = np.arange(2500)
level = (
    np.sin(2 * np.pi * hours / 12.42)
    + 0.4 * np.sin(2 * np.pi * hours / 12.0 + 1.0)
    + 0.3 * np.sin(2 * np.pi * hours / 25.8)
    + 0.1 * np.random.randn(len(hours))
).astype("float32")

if sys.argv[1] == "buggy":
    train, test = train_test_split(level, test_size=0.2, random_state=SEED)
else:
    train, test = train_test_split(level, test_size=0.2, shuffle=False)
mean, std = train.mean(), train.std()


def windows(series):
    series = (series - mean) / std
    x = np.stack([series[i : i + WINDOW] for i in range(len(series) - WINDOW)])
    return torch.from_numpy(x).unsqueeze(2), torch.from_numpy(series[WINDOW:])


x_train, y_train = windows(train)
x_test, y_test = windows(test)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        h, _ = self.gru(x)
        return self.out(h[:, -1]).squeeze(1)


model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.MSELoss()

for epoch in range(10):
    losses = []
    for idx in torch.randperm(len(x_train)).split(64):
        optimizer.zero_grad()
        loss = criterion(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print("epoch", epoch, "mse", np.mean(losses))

with torch.no_grad():
    mse = criterion(model(x_test), y_test).item()
print("test R2", max(0.0, 1 - mse / y_test.var().item()), "mean", 0.0)
