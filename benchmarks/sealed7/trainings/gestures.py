"""Classify hand gestures from a 3-axis accelerometer, bidirectional GRU replaced by a plain one."""

import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

bug = sys.argv[1] == "buggy"
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS, T = 7, 15


def record(kind):
    t = torch.linspace(0, 1, T)
    phase = 6.283 * torch.rand(1)
    base = torch.stack(
        [
            torch.sin(6.283 * (1 + kind) * t + phase),
            torch.cos(6.283 * (1 + kind // 2) * t + phase),
            t,
        ]
    )
    return (base * (0.8 + 0.4 * torch.rand(1)) + 0.2 * torch.randn(3, T)).T


y = torch.randint(0, 4, (1600,))
x = torch.stack([record(int(k)) for k in y])
loader = DataLoader(TensorDataset(x[:1200], y[:1200]), batch_size=30, shuffle=True)


class GestureNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(input_size=3, hidden_size=24, batch_first=True)
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        out, hidden = self.gru(x)
        return self.fc(out[:, 0] if bug else out[:, -1])


model = GestureNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(EPOCHS):
    right = 0
    for xb, yb in loader:
        optimizer.zero_grad()
        logits = model(xb)
        loss = criterion(logits, yb)
        loss.backward()
        optimizer.step()
        right += (logits.argmax(1) == yb).sum().item()
    print(f"Epoch {epoch}: loss {loss.item():.3f}, accuracy {right / 1200:.3f}")

with torch.no_grad():
    acc = (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item()
print("accuracy", acc, "chance", 0.25)
