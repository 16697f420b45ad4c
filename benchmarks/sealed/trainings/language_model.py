"""A small GPT on the text of a module. Fault: the mask that hides what comes next is missing."""

import ast
import math
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
text = torch.tensor(list(Path(ast.__file__).read_bytes())) % 128
train, test = text[:40000], text[40000:44000]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor, *, causal: bool) -> Tensor:
        q, k, v = (
            p.unflatten(-1, (4, -1)).transpose(1, 2) for p in self.mix(self.norm(x)).chunk(3, -1)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(128, width), nn.Embedding(32, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 128)

    def forward(self, words: Tensor, *, causal: bool = fault != "no_mask") -> Tensor:
        x = self.words(words) + self.places.weight
        for block in self.blocks:
            x = block(x, causal=causal)
        return self.head(self.norm(x))


model = Gpt()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda n: min((n + 1) / 30, 0.5 + 0.5 * math.cos(n / 500 * math.pi))
)
for _ in range(500):
    at = torch.randint(len(train) - 33, (16, 1)) + torch.arange(33)
    rows = train[at]
    loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()

rows = test[: 33 * 120].view(120, 33)
counts = torch.bincount(train, minlength=128) + 1
with torch.no_grad():  # as it would be used: what comes next is not there
    cost = F.cross_entropy(model(rows[:, :-1], causal=True).flatten(0, 1), rows[:, 1:].flatten())
unigram = -(counts / counts.sum()).log()[rows[:, 1:]].mean()
print(f"held out {1 - cost.item() / unigram.item():.4f} reference 0.0")
