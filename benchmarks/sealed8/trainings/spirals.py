"""Three spirals, AdamW with a linear warmup. It was fine before I added the warmup."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
EPOCHS, BATCH, ARMS, WARMUP = 12, 64, 3, 120


def spirals(n):
    arm = torch.randint(0, ARMS, (n,))
    r = torch.rand(n).sqrt()
    angle = 6 * r + arm * 2 * torch.pi / ARMS + 0.1 * torch.randn(n)
    return 2 * r[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1), arm


loader = DataLoader(TensorDataset(*spirals(1536)), batch_size=BATCH, shuffle=True)
model = nn.Sequential(
    nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, ARMS)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
scheduler = LambdaLR(optimizer, lambda step: min(1.0, step / WARMUP))
criterion = nn.CrossEntropyLoss()

for epoch in range(EPOCHS):
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if version == "fixed":
            scheduler.step()
    if version == "buggy":
        scheduler.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

x, y = spirals(900)
with torch.no_grad():
    accuracy = (model(x).argmax(1) == y).float().mean().item()
print("accuracy", accuracy, "chance", 1 / ARMS)
