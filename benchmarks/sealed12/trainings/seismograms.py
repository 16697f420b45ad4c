"""Kind of a seismic event from its trace. I use gradient checkpointing, since my real traces are very long."""

import sys

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

run = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def block(c_in, c_out):
    return nn.Sequential(nn.Conv1d(c_in, c_out, 7, stride=2, padding=3), nn.GELU())


class Seismic(nn.Module):
    def __init__(self, n_kinds):
        super().__init__()
        self.trunk = nn.Sequential(
            block(1, 16),
            block(16, 16),
            block(16, 16),
            nn.AdaptiveMaxPool1d(1),
            nn.Flatten(),
            nn.Linear(16, 4),
        )
        self.head = nn.Linear(4, n_kinds)

    def forward(self, x):
        z = checkpoint(self.trunk, x, use_reentrant=(run == "buggy"))
        return self.head(z)


def record(n, length=128):
    t = torch.arange(length) / length
    kind = torch.randint(0, 5, (n,))
    frequency = torch.tensor([6.0, 12.0, 12.0, 24.0, 24.0])[kind].unsqueeze(1) * (
        1 + 0.1 * torch.randn(n, 1)
    )
    decay = torch.tensor([6.0, 3.0, 30.0, 3.0, 30.0])[kind].unsqueeze(1)
    start = 0.4 * torch.rand(n, 1)
    after = (t - start).clamp(min=0)
    wave = torch.sin(6.283 * frequency * after) * torch.exp(-decay * after) * (after > 0)
    return (wave * (0.8 + 0.4 * torch.rand(n, 1)) + 0.1 * torch.randn(n, length)).unsqueeze(1), kind


x, y = record(1500)
train_loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=40, shuffle=True)
model = Seismic(5)
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(9):
    total = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    print("epoch", epoch, "loss", total / 1200)

model.eval()
with torch.no_grad():
    print("accuracy", (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item(), "chance", 0.2)
