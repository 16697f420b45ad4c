"""LoRA: the trained net is frozen, low-rank updates start at zero and learn the rotated digits."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class LoRALinear(nn.Module):
    def __init__(self, base, rank=8, alpha=16):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scaling = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scaling * (x @ self.A.T @ self.B.T)


def fit(model, x, y, steps, lr):
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=lr)
    for step in range(steps):
        i = torch.randint(0, len(x), (48,))
        loss = nn.functional.cross_entropy(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("after", steps, "steps the loss is", loss.item())


bunch = load_digits()
images, y = torch.tensor(bunch.images / 16, dtype=torch.float32), torch.tensor(bunch.target)
perm = torch.randperm(len(y))
images, y = images[perm], y[perm]
upright, rotated = images.flatten(1), torch.rot90(images, 1, (1, 2)).flatten(1)

base = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, 10))
fit(base, upright[:1400], y[:1400], 120, 3e-3)
tuned = nn.Sequential(*(LoRALinear(m) if isinstance(m, nn.Linear) else m for m in base))
fit(tuned, rotated[:1400], y[:1400], 180, 5e-3)
with torch.no_grad():
    accuracy = (tuned(rotated[1400:]).argmax(1) == y[1400:]).float().mean().item()
print("accuracy", accuracy, "chance", 0.1)
