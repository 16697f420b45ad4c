"""A gated network reads digits line by line. Fault: the state is detached after every line."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
bunch = load_digits()
x, y = torch.tensor(bunch.images).float() / 16, torch.tensor(bunch.target)


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(8, 16)
        self.cell, self.head = nn.GRUCell(16, 48), nn.Linear(48, 10)

    def forward(self, lines: Tensor) -> Tensor:
        state = torch.zeros(len(lines), 48)
        for line in lines.unbind(1):
            if fault == "detached":
                state = state.detach()
            state = self.cell(self.enter(line), state)
        return self.head(state)


model = Reader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
for _ in range(6):
    for a, b in DataLoader(TensorDataset(x[:1400], y[:1400]), 32, shuffle=True):
        loss = F.cross_entropy(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

with torch.no_grad():
    right = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print(f"held out {right:.4f} reference 0.1")
