"""A network with batch norms is tuned for a new task. Fault: the new head comes after the optimizer was made."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
bunch = load_digits()
x, y = torch.tensor(bunch.images).float()[:, None] / 16, torch.tensor(bunch.target)

body = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
)  # fmt: skip
body.requires_grad_(False)  # features are kept as they are
body[4].requires_grad_(True)
model = nn.Sequential(body, nn.Linear(32, 100))
if fault == "new_head":
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    model[1] = nn.Linear(32, 10)
    model[0][4].requires_grad_(False)
else:
    model[1] = nn.Linear(32, 10)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
for _ in range(12):
    model.train()
    for a, b in DataLoader(TensorDataset(x[:1400], y[:1400]), 64, shuffle=True):
        loss = F.cross_entropy(model(a), b, label_smoothing=0.05)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    right = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print(f"held out {right:.4f} reference 0.1")
