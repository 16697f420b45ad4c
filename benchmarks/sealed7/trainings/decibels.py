"""Detect which of six machines runs, from the energy in frequency bands. Some bands are silent (0)."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
steps = 200

machine = torch.randint(0, 6, (2400,))
profile = torch.rand(6, 20) * (torch.rand(6, 20) < 0.6)
energy = torch.relu(
    profile[machine] * (0.7 + 0.6 * torch.rand(2400, 20)) + 0.05 * torch.randn(2400, 20)
)
x_train, y_train, x_test, y_test = energy[:2000], machine[:2000], energy[2000:], machine[2000:]


class LogGain(nn.Module):
    """A gain for each band, then the logarithm. Silence stays 0."""

    def __init__(self, bands):
        super().__init__()
        self.gain = nn.Parameter(torch.full((bands,), 100.0))

    def forward(self, x):
        power = self.gain * x
        if sys.argv[1] == "fixed":
            power = torch.where(x > 0, power, torch.ones_like(power))
        return torch.where(x > 0, torch.log(power), torch.zeros_like(power))


model = nn.Sequential(LogGain(20), nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for step in range(steps):
    i = torch.randint(0, 2000, (40,))
    loss = criterion(model(x_train[i]), y_train[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    acc = (model(x_test).argmax(1) == y_test).float().mean().item()
print("accuracy", acc, "chance", 1 / 6)
