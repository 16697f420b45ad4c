"""Every layer is trained on its own, with its own small classifier and its own optimizer; nothing flows back through the stack."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]


class Block(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU())
        self.probe = nn.Linear(n_out, 10)

    def forward(self, h):
        h = self.layer(h)
        return h, self.probe(h)


blocks = nn.ModuleList([Block(64, 96), Block(96, 96), Block(96, 64)])
optimizers = [torch.optim.Adam(block.parameters(), lr=1e-3) for block in blocks]
criterion = nn.CrossEntropyLoss()

for epoch in range(15):
    losses = [0.0] * len(blocks)
    for idx in torch.randperm(1400).split(50):
        h = x[idx]
        for i, (block, optimizer) in enumerate(zip(blocks, optimizers)):
            h, logits = block(h.detach())
            loss = criterion(logits, y[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[i] += loss.item() / 28
    print("epoch", epoch, "losses", [round(v, 3) for v in losses])

with torch.no_grad():
    h = x[1400:]
    for block in blocks:
        h, logits = block(h)
print("accuracy", (logits.argmax(1) == y[1400:]).float().mean().item(), "chance", 0.1)
