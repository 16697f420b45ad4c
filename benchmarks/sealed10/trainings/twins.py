"""Barlow Twins (Zbontar et al. 2021): the correlation of two recordings becomes the identity."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
SPEAKERS, OWN, NOISE = 10, 6, 34
mixing = torch.randn(OWN + NOISE, OWN + NOISE) / (OWN + NOISE) ** 0.5
voice = torch.randn(SPEAKERS, OWN)


def record(speaker, content):
    noise = torch.randn(len(speaker), NOISE)
    return torch.cat([voice[speaker] + 0.2 * content, noise], 1) @ mixing


class BarlowTwins(nn.Module):
    def __init__(self, dim=16, lambd=0.01):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(OWN + NOISE, 64), nn.ReLU(), nn.Linear(64, 16))
        self.projector = nn.Sequential(nn.ReLU(), nn.Linear(16, dim, bias=False))
        self.bn = nn.BatchNorm1d(dim, affine=False)
        self.lambd = lambd

    def forward(self, a, b):
        za, zb = (self.bn(self.projector(self.backbone(v))) for v in (a, b))
        c = za.T @ zb / len(a)
        on_diagonal = (c.diagonal() - 1).pow(2).sum()
        off_diagonal = c.pow(2).sum() - c.diagonal().pow(2).sum()
        return on_diagonal + self.lambd * off_diagonal


model = BarlowTwins()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
for step in range(300):
    speaker = torch.randint(0, SPEAKERS, (128,))
    content = torch.randn(128, OWN)
    loss = model(record(speaker, content), record(speaker, content))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    known = torch.arange(SPEAKERS).repeat(30)
    asked = torch.randint(0, SPEAKERS, (500,))
    gallery = model.backbone(record(known, torch.randn(len(known), OWN)))
    probe = model.backbone(record(asked, torch.randn(500, OWN)))
    centers = torch.stack([gallery[known == s].mean(0) for s in range(SPEAKERS)])
    hit = (torch.cdist(probe, centers).argmin(1) == asked).float().mean().item()
print("accuracy", hit, "chance", 1 / SPEAKERS)
