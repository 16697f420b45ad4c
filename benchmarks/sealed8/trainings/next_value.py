"""One-variable time series, next value from the last 24, a small transformer-ish model."""

import math
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
WINDOW = 24

t = torch.arange(1800)
series = torch.sin(2 * math.pi * t / 24) + 0.6 * torch.sin(2 * math.pi * t / 90 + 1)
series = series + 0.1 * torch.randn(1800)
series = (series - series.mean()) / series.std()


class Windows(Dataset):
    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values) - WINDOW

    def __getitem__(self, i):
        return self.values[i : i + WINDOW].unsqueeze(1), self.values[i + WINDOW]


class Forecaster(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.norm = nn.LayerNorm(1) if sys.argv[1] == "buggy" else nn.Identity()
        self.embed = nn.Linear(1, dim)
        self.place = nn.Parameter(0.1 * torch.randn(WINDOW, dim))
        self.attention = nn.MultiheadAttention(dim, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim * WINDOW, 64), nn.GELU(), nn.Linear(64, 1))

    def forward(self, x):
        h = self.embed(self.norm(x)) + self.place
        h = h + self.attention(h, h, h, need_weights=False)[0]
        return self.mlp(h.flatten(1)).squeeze(1)


train, test = Windows(series[:1400]), Windows(series[1400:])
model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(6):
    total = 0.0
    for x, y in DataLoader(train, batch_size=64, shuffle=True):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    print(f"epoch {epoch} mse {total / len(train):.4f}")

x, y = next(iter(DataLoader(test, batch_size=len(test))))
with torch.no_grad():
    error = (model(x) - y).pow(2).mean() / y.var()
print("R2", 1 - error.item(), "mean", 0.0)
