"""item2vec: skip-gram with negative sampling over shopping baskets."""

import random
import sys

import torch
import torch.nn.functional as F
from torch import nn

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
random.seed(seed)
SHELVES, PER_SHELF = 8, 10
ITEMS = SHELVES * PER_SHELF


def basket():
    shelf = random.randrange(SHELVES)
    own = random.sample(range(PER_SHELF), 4)
    return [shelf * PER_SHELF + i for i in own] + [random.randrange(ITEMS)]


pairs = []
for _ in range(1500):
    b = basket()
    pairs += [(a, c) for a in b for c in b if a != c]
pairs = torch.tensor(pairs)


class SkipGram(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.center = nn.Embedding(ITEMS, dim)
        self.context = nn.Embedding(ITEMS, dim)
        nn.init.uniform_(self.center.weight, -0.5 / dim, 0.5 / dim)
        nn.init.uniform_(self.context.weight, -0.5 / dim, 0.5 / dim)

    def forward(self, center, context, negatives):
        u = self.center(center)
        positive = (u * self.context(context)).sum(-1)
        negative = (self.context(negatives) @ u.unsqueeze(-1)).squeeze(-1)
        if version != "buggy":
            negative = -negative
        return -(F.logsigmoid(positive) + F.logsigmoid(negative).sum(-1)).mean()


model = SkipGram()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(300):
    batch = pairs[torch.randint(0, len(pairs), (256,))]
    negatives = torch.randint(0, ITEMS, (256, 5))
    loss = model(batch[:, 0], batch[:, 1], negatives)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

v = F.normalize(model.center.weight.detach(), dim=1)
similarity = v @ v.T
similarity.fill_diagonal_(-2)
nearest = similarity.topk(5, dim=1).indices
shelf = torch.arange(ITEMS) // PER_SHELF
precision = (shelf[nearest] == shelf[:, None]).float().mean().item()
print("precision@5", precision, "chance", (PER_SHELF - 1) / (ITEMS - 1))
