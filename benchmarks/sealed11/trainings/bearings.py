"""Wear of a bearing from the vibration signal (1D CNN). R2 stays at about zero."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

which = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Vibration(Dataset):
    def __init__(self, n, length=96):
        self.wear = torch.rand(n)
        t = torch.arange(length) / length * 6.283
        phase, speed = 6.283 * torch.rand(n, 1), 4 + 6 * torch.rand(n, 1)
        amplitude = (0.2 + 1.5 * self.wear).unsqueeze(1)
        self.signal = amplitude * (torch.sin(speed * t + phase) + 0.3 * torch.randn(n, length))

    def __len__(self):
        return len(self.wear)

    def __getitem__(self, i):
        window = self.signal[i]
        if which == "buggy":
            window = (window - window.mean()) / (window.std() + 1e-8)
        else:
            window = (window - self.signal.mean()) / (self.signal.std() + 1e-8)
        return window.unsqueeze(0), (self.wear[i] - 0.5) / 0.29


class WearNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(1, 16, 7, stride=2), nn.ReLU(), nn.Conv1d(16, 16, 5, stride=2), nn.ReLU()
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
        )

    def forward(self, x):
        return self.head(self.conv(x)).squeeze(1)


train, test = Vibration(960), Vibration(240)
model = WearNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(9):
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, loss.item())

with torch.no_grad():
    x, y = next(iter(DataLoader(test, batch_size=240)))
    r2 = 1 - (nn.functional.mse_loss(model(x), y) / y.var()).item()
print("R2", max(0.0, r2), "mean", 0.0)
