"""Batch-hard triplet loss (Hermans et al. 2017) on "identities"; embeddings become nan."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

VERSION = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
EPOCHS, MARGIN = 12, 0.5


def pairwise_distances(z):
    squared = (z.unsqueeze(1) - z.unsqueeze(0)).pow(2).sum(-1)
    if VERSION == "buggy":
        return squared.sqrt()
    return squared.clamp(min=1e-12).sqrt()


def batch_hard(z, labels):
    dist = pairwise_distances(z)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    furthest = (dist * same).max(dim=1).values
    nearest = dist.masked_fill(same, float("inf")).min(dim=1).values
    return F.softplus(furthest - nearest + MARGIN).mean()


class Embedder(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU())
        self.out = nn.Linear(128, dim)

    def forward(self, x):
        return self.out(self.body(x))


digits = load_digits()
x = torch.tensor(digits.data / 16 - 0.3, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]
loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=64, shuffle=True)

net = Embedder()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(EPOCHS):
    for images, labels in loader:
        loss = batch_hard(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

with torch.no_grad():
    gallery, probe = net(x[:1400]), net(x[1400:])
    nearest = torch.cdist(probe, gallery).argmin(1)
acc = (y[nearest] == y[1400:]).float().mean().item()
print("1-NN accuracy", acc, "chance", 0.1)
