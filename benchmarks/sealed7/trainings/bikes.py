"""Hourly bike rentals are counts, so PoissonNLLLoss. Loss becomes nan."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

which = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 5

n = 2400
hour, temperature, rain = 24 * torch.rand(n), torch.randn(n), (torch.rand(n) < 0.2).float()
rate = torch.exp(1.2 + 0.9 * torch.sin((hour - 8) / 24 * 6.283) + 0.4 * temperature - 0.8 * rain)
rentals = torch.poisson(rate)
features = torch.stack(
    [torch.sin(hour / 24 * 6.283), torch.cos(hour / 24 * 6.283), temperature, rain], dim=1
)
train = TensorDataset(features[:1800], rentals[:1800])
model = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
loss_fn = nn.PoissonNLLLoss(log_input=which == "fixed")
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(EPOCHS):
    for x, y in DataLoader(train, batch_size=32, shuffle=True):
        prediction = model(x).squeeze(1)
        loss = loss_fn(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {loss.item():.4f}")

with torch.no_grad():
    out = model(features[1800:]).squeeze(1)
expected = out.exp() if which == "fixed" else out
error = ((expected - rate[1800:]) ** 2).mean() / rate[1800:].var()
score = max(0.0, 1 - error.item()) if torch.isfinite(error) else 0.0
print("R2 of the rate", score, "mean", 0.0)
