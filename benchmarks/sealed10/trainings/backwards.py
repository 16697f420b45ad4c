"""A six-layer transformer with RMSNorm learns to write a string backwards."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
VOCAB, LENGTH, DIM, LAYERS = 8, 8, 32, 6


class RMSNorm(nn.Module):
    def __init__(self, dim, eps=1e-6):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        ms = x.pow(2).mean(-1, keepdim=True) + self.eps
        return self.weight * x * (ms.sqrt() if version == "buggy" else ms.rsqrt())


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(DIM, 3 * DIM), nn.Linear(DIM, DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, DIM))
        self.norm1, self.norm2 = RMSNorm(DIM), RMSNorm(DIM)

    def attend(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, 4, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).reshape(b, t, d))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(VOCAB, DIM), nn.Embedding(LENGTH, DIM)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.head = nn.Sequential(RMSNorm(DIM), nn.Linear(DIM, VOCAB))

    def forward(self, ids):
        return self.head(self.blocks(self.tok(ids) + self.pos.weight))


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(150):
    ids = torch.randint(0, VOCAB, (32, LENGTH))
    loss = F.cross_entropy(model(ids).flatten(0, 1), ids.flip(1).flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.4f}")
with torch.no_grad():
    ids = torch.randint(0, VOCAB, (200, LENGTH))
    acc = (model(ids).argmax(-1) == ids.flip(1)).float().mean().item()
print("accuracy", acc, "chance", 1 / VOCAB)
