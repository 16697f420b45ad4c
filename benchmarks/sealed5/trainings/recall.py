"""
Associative recall: the sequence has key/value pairs, then a key; the model has to say the value.
I write the attention by hand to understand it.
"""

import os
import sys
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

setting = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

N_KEYS, N_VALUES, PAIRS = 12, 8, 5


def batch(n):
    keys = torch.stack([torch.randperm(N_KEYS)[:PAIRS] for _ in range(n)])
    values = torch.randint(0, N_VALUES, (n, PAIRS))
    pick = torch.randint(0, PAIRS, (n,))
    query = keys[torch.arange(n), pick]
    return keys, values, query, values[torch.arange(n), pick]


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q = nn.Linear(dim, dim, bias=False)
        self.k = nn.Linear(dim, dim, bias=False)
        self.v = nn.Linear(dim, dim, bias=False)
        self.dim = dim

    def forward(self, query, key, value):
        scores = self.q(query) @ self.k(key).transpose(1, 2) / math.sqrt(self.dim)
        if setting == "buggy":
            weights = F.softmax(scores, dim=1)
        else:
            weights = F.softmax(scores, dim=2)
        return weights @ self.v(value)


class Recall(nn.Module):
    def __init__(self, dim=64):
        super().__init__()
        self.key_emb = nn.Embedding(N_KEYS, dim)
        self.value_emb = nn.Embedding(N_VALUES, dim)
        self.attn = Attention(dim)
        self.out = nn.Linear(dim, N_VALUES)

    def forward(self, keys, values, query):
        k = self.key_emb(keys)
        v = self.value_emb(values)
        q = self.key_emb(query).unsqueeze(1)
        return self.out(self.attn(q, k, v).squeeze(1))


model = Recall()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(500):
    keys, values, query, answer = batch(64)
    loss = F.cross_entropy(model(keys, values, query), answer)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print("step", step, "loss", round(loss.item(), 4))

keys, values, query, answer = batch(1000)
with torch.no_grad():
    acc = (model(keys, values, query).argmax(-1) == answer).float().mean().item()
print("accuracy", acc)
print("SCORE", setting, round(max(0.0, (acc - 1 / N_VALUES) / (1 - 1 / N_VALUES)), 3))
