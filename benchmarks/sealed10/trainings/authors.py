"""Predict then propagate (APPNP) on a network of co-authors."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version, seed = sys.argv[1], int((sys.argv + ["0"])[2])
torch.manual_seed(seed)
N, FIELDS, WORDS, K = 240, 4, 40, 50
ALPHA_PERCENT = 10

field = torch.arange(N) % FIELDS
prob = torch.where(field[:, None] == field[None, :], 0.12, 0.03)
adj = (torch.rand(N, N) < prob).float().triu(1)
adj = adj + adj.T + torch.eye(N)
d = adj.sum(1).rsqrt()
adj = d[:, None] * adj * d[None, :]
taste = torch.rand(FIELDS, WORDS) * 0.35
x = (torch.rand(N, WORDS) < taste[field]).float()
order = torch.randperm(N)
train, test = order[:120], order[120:]


class APPNP(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(WORDS, hidden), nn.ReLU(), nn.Linear(hidden, FIELDS))
        self.alpha = ALPHA_PERCENT // 100 if version == "buggy" else ALPHA_PERCENT / 100

    def forward(self, x, adj):
        h = self.mlp(x)
        z = h
        for _ in range(K):
            z = (1 - self.alpha) * adj @ z + self.alpha * h
        return z


def accuracy(model, rows):
    model.eval()
    with torch.no_grad():
        return (model(x, adj)[rows].argmax(1) == field[rows]).float().mean().item()


model = APPNP()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(120):
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x, adj)[train], field[train])
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print(f"Epoch {epoch:03d} loss {loss:.4f} train acc {accuracy(model, train):.3f}")
print("accuracy", accuracy(model, test), "chance", 1 / FIELDS)
