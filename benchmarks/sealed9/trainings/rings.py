"""Graph classification with a hand-written collate function: is there a bond between N and O?"""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
C, N, O = range(3)


def molecule():
    atoms = torch.tensor([N, O, C, C, C, C, C, N, O])[torch.randperm(9)]
    ring = [(i, (i + 1) % 9) for i in range(9)]
    kinds = [{int(atoms[a]), int(atoms[b])} for a, b in ring]
    return {"atoms": atoms, "bonds": torch.tensor(ring).T, "y": float({N, O} in kinds)}


def balanced(n):
    found = {0.0: [], 1.0: []}
    while min(len(v) for v in found.values()) < n // 2:
        m = molecule()
        found[m["y"]].append(m)
    return found[0.0][: n // 2] + found[1.0][: n // 2]


def collate(graphs):
    atoms, bonds, batch, offset = [], [], [], 0
    for i, g in enumerate(graphs):
        atoms.append(g["atoms"])
        bonds.append(g["bonds"] if version == "buggy" else g["bonds"] + offset)
        batch.append(torch.full((len(g["atoms"]),), i))
        offset += len(g["atoms"])
    bonds = torch.cat(bonds, dim=1)
    y = torch.tensor([g["y"] for g in graphs])
    return torch.cat(atoms), torch.cat([bonds, bonds.flip(0)], dim=1), torch.cat(batch), y


class GIN(nn.Module):
    def __init__(self, dim=32, rounds=2):
        super().__init__()
        self.atom = nn.Embedding(3, dim)
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim), nn.ReLU())
            for _ in range(rounds)
        )
        self.out = nn.Linear(dim, 1)

    def forward(self, atoms, bonds, batch, n):
        h = self.atom(atoms)
        for mlp in self.mlps:
            h = mlp(h + torch.zeros_like(h).index_add(0, bonds[1], h[bonds[0]]))
        pooled = torch.zeros(n, h.shape[1]).index_add(0, batch, h)
        return self.out(pooled).squeeze(1)


model = GIN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
train, test = balanced(600), balanced(200)
for epoch in range(14):
    for atoms, bonds, batch, y in DataLoader(train, 32, shuffle=True, collate_fn=collate):
        loss = F.binary_cross_entropy_with_logits(model(atoms, bonds, batch, len(y)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
with torch.no_grad():
    right = 0
    for atoms, bonds, batch, y in DataLoader(test, 32, shuffle=True, collate_fn=collate):
        right += ((model(atoms, bonds, batch, len(y)) > 0) == (y > 0)).sum().item()
print("accuracy", right / len(test), "chance", 0.5)
