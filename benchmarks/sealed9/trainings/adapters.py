"""LoRA: a frozen base for the digits 0-4 is adapted to 5-9 by updates of rank 4 that start at zero."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
PRETRAIN, ADAPT = 120, 160

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]
old, new = (y < 5).nonzero().squeeze(1), (y >= 5).nonzero().squeeze(1)


class LoRALinear(nn.Module):
    def __init__(self, base, r=4, alpha=16):
        super().__init__()
        self.base, self.scaling = base, alpha / r
        self.lora_A = nn.Parameter(torch.randn(r, base.in_features) / base.in_features**0.5)
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))

    def forward(self, h):
        return self.base(h) + self.scaling * (h @ self.lora_A.T @ self.lora_B.T)


def fit(model, optimizer, rows, labels, steps):
    for step in range(steps):
        i = rows[torch.randint(0, len(rows), (48,))]
        loss = F.cross_entropy(model(x[i]), labels[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 40 == 0:
            print(f"step {step} loss {loss.item():.4f}")


model = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 5))
fit(model, torch.optim.Adam(model.parameters(), lr=2e-3), old, y, PRETRAIN)

for p in model.parameters():
    p.requires_grad_(False)
for k in (0, 2, 4):
    model[k] = LoRALinear(model[k])
adapters = [p for p in model.parameters() if p.requires_grad]
count = sum(p.numel() for p in adapters)
print(
    "trainable",
    count,
    "of",
    count + sum(p.numel() for p in model.parameters() if not p.requires_grad),
)
fit(model, torch.optim.AdamW(adapters, lr=5e-3, weight_decay=0.0), new[:600], y - 5, ADAPT)

with torch.no_grad():
    acc = (model(x[new[600:]]).argmax(1) == y[new[600:]] - 5).float().mean().item()
print("accuracy", acc, "chance", 0.2)
