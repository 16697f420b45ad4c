"""Look-up in a list: 15 pairs of key and value, then a key whose value is asked for. My own multi-head attention."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

WHICH = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
KEYS, VALUES, PAIRS = 20, 8, 15


class MultiHead(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.head_dim = heads, dim // heads
        self.q, self.k, self.v = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.proj = nn.Linear(dim, dim)

    def split(self, x):
        b, t, _ = x.shape
        if WHICH == "buggy":
            return x.view(b, self.heads, t, self.head_dim)
        return x.view(b, t, self.heads, self.head_dim).transpose(1, 2)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        weights = torch.softmax(q @ k.transpose(-2, -1) / self.head_dim**0.5, -1)
        return self.proj((weights @ v).transpose(1, 2).reshape(b, t, d))


class LookUp(nn.Module):
    def __init__(self, dim=64, heads=4):
        super().__init__()
        self.key, self.value = nn.Embedding(KEYS, dim), nn.Embedding(VALUES + 1, dim)
        self.attention = MultiHead(dim, heads)
        self.norm = nn.LayerNorm(dim)
        self.out = nn.Linear(dim, VALUES)

    def forward(self, keys, values):
        x = self.key(keys) + self.value(values)
        return self.out(self.norm(x + self.attention(x))[:, -1])


def lists(n):
    keys = torch.rand(n, KEYS).argsort(1)[:, :PAIRS]
    values = torch.randint(0, VALUES, (n, PAIRS))
    asked = torch.randint(0, PAIRS, (n, 1))
    target = values.gather(1, asked).squeeze(1)
    keys = torch.cat([keys, keys.gather(1, asked)], 1)
    values = torch.cat([values, torch.full((n, 1), VALUES)], 1)  # VALUES stands for "what?"
    return keys, values, target


model = LookUp()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(280):
    keys, values, target = lists(64)
    loss = F.cross_entropy(model(keys, values), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % 60 == 0:
        print("step", step + 1, "loss", loss.item())

model.eval()
with torch.no_grad():
    keys, values, target = lists(1000)
    print(
        "accuracy",
        (model(keys, values).argmax(1) == target).float().mean().item(),
        "chance",
        1 / VALUES,
    )
