"""A minimal GPT on characters, to learn how it works."""

import math
import random
import sys

import torch
import torch.nn as nn
from torch.nn import functional as F

mode, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
rng = random.Random(seed)
block_size, batch_size, n_embd, n_head, max_iters = 24, 16, 48, 4, 250

words = "the river runs under an old bridge where green boats wait for summer guests".split()
text = " ".join(rng.choice(words) for _ in range(6000))
chars = sorted(set(text))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in text])
train_data, val_data = data[:-4000], data[-4000:]


def get_batch(source, n):
    ix = torch.randint(len(source) - block_size - 1, (n,))
    x = torch.stack([source[i : i + block_size] for i in ix])
    y = torch.stack([source[i + 1 : i + block_size + 1] for i in ix])
    return x, y


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(n_embd), nn.LayerNorm(n_embd)
        self.qkv, self.proj = nn.Linear(n_embd, 3 * n_embd), nn.Linear(n_embd, n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 128), nn.GELU(), nn.Linear(128, n_embd))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (
            z.view(B, T, n_head, C // n_head).transpose(1, 2)
            for z in self.qkv(self.ln1(x)).chunk(3, -1)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(len(chars), n_embd), nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[Block() for _ in range(2)])
        self.lm_head = nn.Linear(n_embd, len(chars), bias=False)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=1.0 if mode == "buggy" else 0.02)

    def forward(self, idx):
        h = self.wte(idx) + self.wpe.weight[: idx.shape[1]]
        return self.lm_head(self.blocks(h))


model = GPT()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for it in range(max_iters):
    xb, yb = get_batch(train_data, batch_size)
    loss = F.cross_entropy(model(xb).flatten(0, 1), yb.flatten())
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if it % 50 == 0:
        print(f"step {it}: loss {loss.item():.3f} (uniform {math.log(len(chars)):.3f})")

with torch.no_grad():
    xb, yb = get_batch(val_data, 300)
    acc = (model(xb).argmax(-1) == yb).float().mean().item()
print("next character", acc, "frequent", (data == data.mode().values).float().mean().item())
