"""Concentrations from spectra with a small 1D CNN. The loss hardly moves."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPSILON = 1.0 if sys.argv[1] == "buggy" else 1e-7


def spectra(n, channels=48):
    wavelength = torch.linspace(0, 1, channels)
    peaks = torch.tensor([0.2, 0.45, 0.8])
    shapes = torch.exp(-((wavelength - peaks[:, None]) ** 2) / 0.006)
    concentration = torch.rand(n, 3)
    light = torch.exp(-concentration @ shapes) * (1 + 0.05 * torch.randn(n, 1))
    return light.unsqueeze(1) - 0.7, concentration


class SpectrumNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 12, 5, stride=2)
        self.conv2 = nn.Conv1d(12, 24, 5, stride=2)
        self.fc1 = nn.Linear(24 * 9, 48)
        self.fc2 = nn.Linear(48, 3)

    def forward(self, x):
        x = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


x, y = spectra(1500)
loader = DataLoader(TensorDataset(x[:1200], y[:1200] - 0.5), batch_size=50, shuffle=True)
model = SpectrumNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=EPSILON)
loss_fn = nn.MSELoss()
for epoch in range(12):
    for light, target in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(light), target)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1} loss {loss.item():.5f}")

with torch.no_grad():
    error = loss_fn(model(x[1200:]), y[1200:] - 0.5) / y[1200:].var()
print("R2", max(0.0, 1 - error.item()), "mean", 0.0)
