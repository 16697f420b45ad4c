"""Heating demand of houses. Batches of 8 are all that fits in memory, so gradients are accumulated over four of them."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

n = 1600
houses = torch.rand(n, 6)  # area, age, insulation, windows, outside temperature, inhabitants
demand = (
    houses[:, 0] * (1 + houses[:, 1]) * (1.5 - houses[:, 2])
    + 0.6 * houses[:, 3] * (1 - houses[:, 4])
    + 0.2 * torch.sin(6 * houses[:, 5])
)
x = (houses - 0.5) / 0.29
y = ((demand - demand.mean()) / demand.std() + 0.05 * torch.randn(n)).unsqueeze(1)
loader = DataLoader(TensorDataset(x[:1280], y[:1280]), batch_size=8, shuffle=True)

model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
mse = nn.MSELoss()
ACCUMULATE = 4

for epoch in range(15):
    optimizer.zero_grad()
    summed = 0.0
    for i, (inputs, targets) in enumerate(loader):
        loss = mse(model(inputs), targets) / ACCUMULATE
        loss.backward()
        summed += loss.item() * ACCUMULATE
        if (i + 1) % ACCUMULATE == 0:
            optimizer.step()
            if mode == "fixed":
                optimizer.zero_grad()
    print(f"epoch {epoch} mse {summed / len(loader):.4f}")

with torch.no_grad():
    error = mse(model(x[1280:]), y[1280:]).item()
r2 = 1 - error / y[1280:].var().item()
print("R2", r2 if r2 > 0 else 0.0, "mean", 0.0)
