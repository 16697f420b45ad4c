"""Crop types from satellite time series. I evaluate the moving average of the weights, as everybody does now."""

import sys

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

MODE = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EMA_DECAY = 0.9999 if MODE == "buggy" else 0.97


def seasons(n):
    crop = torch.randint(0, 6, (n,))
    week = torch.arange(30).float()
    peak = torch.tensor([8.0, 11.0, 14.0, 17.0, 20.0, 14.0])[crop] + 0.8 * torch.randn(n)
    width = torch.tensor([3.0, 3.0, 3.0, 3.0, 3.0, 6.0])[crop]
    green = torch.exp(-((week - peak[:, None]) ** 2) / (2 * width[:, None] ** 2))
    red = 0.5 - 0.4 * green
    series = torch.stack([green, red], 1) + 0.1 * torch.randn(n, 2, 30)
    return (series - 0.4) / 0.3, crop


class CropNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(2, 24, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(24, 24, 5, stride=2, padding=2),
            nn.ReLU(),
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(24 * 15, 64), nn.ReLU(), nn.Linear(64, 6))

    def forward(self, x):
        return self.fc(self.conv(x))


train = DataLoader(TensorDataset(*seasons(1600)), batch_size=64, shuffle=True)
x_test, y_test = seasons(500)
model = CropNet()
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))
ema.update_parameters(model)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(8):
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(model)
    print("epoch", epoch, "loss", round(loss.item(), 3))

ema.eval()
with torch.no_grad():
    accuracy = (ema(x_test).argmax(1) == y_test).float().mean().item()
print("accuracy", accuracy, "chance", round(1 / 6, 3))
