"""Two heads, temperature and rain. Nothing is learned, no error."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Forecaster(nn.Module):
    def __init__(self, inputs=8, hidden=48):
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, batch_first=True)
        self.temperature = nn.Linear(hidden, 1)
        self.rain = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.temperature(h[-1]).squeeze(1), self.rain(h[-1]).squeeze(1)


def combine(losses):
    if sys.argv[1] == "buggy":
        return torch.tensor(losses, requires_grad=True).sum()
    return torch.stack(losses).sum()


n = 1600
x = torch.randn(n, 10, 8).cumsum(1) / 3
temperature = x[:, -1, 0] + 0.5 * x[:, :, 1].mean(1) + 0.2 * torch.randn(n)
rain = (x[:, -3:, 2].mean(1) - x[:, -1, 3] > 0).float()
train = DataLoader(
    TensorDataset(x[:1280], temperature[:1280], rain[:1280]), batch_size=64, shuffle=True
)

model = Forecaster()
mse, bce = nn.MSELoss(), nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(8):
    history = []
    for series, degrees, wet in train:
        optimizer.zero_grad()
        t, r = model(series)
        loss = combine([mse(t, degrees), bce(r, wet)])
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    print(f"epoch {epoch:2d} loss {sum(history) / len(history):.4f}")

with torch.no_grad():
    _, r = model(x[1280:])
accuracy = ((r > 0) == rain[1280:].bool()).float().mean().item()
print("rain accuracy", accuracy, "coin", 0.5)
