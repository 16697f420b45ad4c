"""Low-rank adapters on a frozen network, for new digits. Fault: both factors of every adapter start at zero."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
bunch = load_digits()
x, y = torch.tensor(bunch.data).float() / 16, torch.tensor(bunch.target)


class Adapted(nn.Module):
    def __init__(self, base: nn.Linear, rank: int = 8) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))
        if fault == "zeros":
            nn.init.zeros_(self.down)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + 2 * F.linear(F.linear(x, self.down), self.up)


base = nn.Sequential(nn.Linear(64, 96), nn.GELU(), nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 10))
before = torch.optim.Adam(base.parameters(), lr=3e-3)
with torch.random.fork_rng():
    for _ in range(150):  # the base knows the digits upside down
        rows = torch.randint(1400, (64,))
        before.zero_grad()
        F.cross_entropy(base(x[rows].flip(1)), y[rows]).backward()
        before.step()

model = nn.Sequential(*(Adapted(part) if isinstance(part, nn.Linear) else part for part in base))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
for _ in range(400):
    rows = torch.randint(1400, (64,))
    loss = F.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    right = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print(f"held out {right:.4f} reference 0.1")
