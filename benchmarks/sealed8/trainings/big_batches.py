"""Not enough memory for batches of 1024, so I accumulate the gradients of small ones."""

import sys
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Settings:
    micro_batch: int = 32
    accumulate: int = 32
    epochs: int = 5
    lr: float = 0.02


settings = Settings()
if sys.argv[1] == "fixed":
    settings.accumulate = 4
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

x = torch.randn(1100, 10)
weights = torch.randn(10, 3)
y = torch.sin(x @ weights[:, 0]) + x @ weights[:, 1] + 0.1 * torch.randn(1100)
y = (y - y.mean()) / y.std()
loader = DataLoader(TensorDataset(x[:900], y[:900]), settings.micro_batch, shuffle=True)

model = nn.Sequential(nn.Linear(10, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)

for epoch in range(settings.epochs):
    total = 0.0
    optimizer.zero_grad()
    for i, (inputs, targets) in enumerate(loader):
        loss = nn.functional.mse_loss(model(inputs).squeeze(-1), targets)
        (loss / settings.accumulate).backward()
        total += loss.item()
        if (i + 1) % settings.accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
    print(f"epoch {epoch} mse {total / len(loader):.4f}")

with torch.no_grad():
    error = (model(x[900:]).squeeze(-1) - y[900:]).pow(2).mean() / y[900:].var()
print("R2", 1 - error.item(), "mean", 0.0)
