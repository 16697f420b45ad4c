"""Curriculum: count the ones in a word."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
HIDDEN = 32


def words(n, length):
    bits = torch.randint(0, 2, (n, length, 1)).float()
    return bits, bits.sum(1)


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, bits):
        return self.out(self.gru(bits)[0][:, -1])


model = Counter()
opt = torch.optim.RMSprop(model.parameters(), lr=2e-3)
for step in range(1000):
    length = 2 + step // 60
    bits, count = words(64, length)
    loss = ((model(bits) - count) ** 2).sum() / length
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 100 == 0:
        print("step", step, "length", length, "loss", round(loss.item(), 3))

with torch.no_grad():
    bits, count = words(2000, 18)
    left = ((model(bits) - count) ** 2).mean() / count.var()
print("explained", max(0.0, 1 - left.item()), "mean", 0.0)
