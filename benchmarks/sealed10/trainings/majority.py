"""Strings of all lengths, one at a time, never padded: are there more ones than zeros?"""

import random
import sys

import torch
from torch import nn

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
random.seed(seed)
ACCUMULATE = 12


def string():
    n = random.choice(range(3, 16, 2))
    ids = [random.randrange(2) for _ in range(n)]
    return torch.tensor(ids), float(sum(ids) * 2 > n)


class Counter(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.emb = nn.Embedding(2, 8)
        self.cell = nn.GRUCell(8, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, ids):
        h = torch.zeros(1, self.cell.hidden_size)
        for e in self.emb(ids):
            h = self.cell(e[None], h)
        return self.out(h).view(())


model = Counter()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
criterion = nn.BCEWithLogitsLoss()
seen = 0.0
optimizer.zero_grad()
for n in range(1, 1201):
    ids, label = string()
    loss = criterion(model(ids), torch.tensor(label)) / ACCUMULATE
    loss.backward()
    seen += loss.item()
    if n % ACCUMULATE == 0:
        optimizer.step()
        optimizer.zero_grad()
        if n % (20 * ACCUMULATE) == 0:
            print(f"strings {n} loss {seen / 20:.4f}")
            seen = 0.0

with torch.no_grad():
    held_out = [string() for _ in range(400)]
    hits = sum((model(ids).item() > 0) == bool(label) for ids, label in held_out)
print("accuracy", hits / len(held_out), "chance", 0.5)
