"""Concentration of a dye (mol/l) from its absorption spectrum."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["buggy", "fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)

wavelength = torch.linspace(0, 1, 40)
dye = torch.exp(-((wavelength - 0.6) ** 2) / 0.01)
other = torch.exp(-((wavelength - 0.45) ** 2) / 0.02)
concentration = 4e-5 * torch.rand(2000, 1)  # mol/l
background = 4e-5 * torch.rand(2000, 1)
absorbance = 3e4 * (concentration * dye + background * other)
transmission = 10**-absorbance + 0.005 * torch.randn(2000, 40)

y = concentration if args.version == "buggy" else concentration * 1e5
train = TensorDataset(transmission[:1600], y[:1600])
test_x, test_y = transmission[1600:], y[1600:]

model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loss_fn = nn.MSELoss()
for epoch in range(25):
    for xb, yb in DataLoader(train, batch_size=32, shuffle=True):
        pred = model(xb)
        loss = loss_fn(pred, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    residual = ((model(test_x) - test_y) ** 2).mean()
    r2 = 1 - residual / ((test_y - test_y.mean()) ** 2).mean()
print("R2", max(0.0, r2.item()), "baseline", 0.0)
