"""Graph convolutions tell communities apart. Fault: twenty-four of them without a way around, so all nodes end alike."""

import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
some = torch.Generator().manual_seed(0)
groups = torch.arange(300) % 5
chance = torch.where(groups[:, None] == groups, 0.08, 0.01)
upper = torch.triu((torch.rand(300, 300, generator=some) < chance).float(), 1)
edges = upper + upper.T + torch.eye(300)
edges = edges / (edges.sum(1).sqrt()[:, None] * edges.sum(0).sqrt())
features = F.one_hot(groups, 5).float() + 1.5 * torch.randn(300, 5, generator=some)
known = torch.arange(300) < 150


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(5, 32), nn.Linear(32, 5)
        self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(24))

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        for layer in self.layers:
            new = edges @ F.relu(layer(h))
            h = new if fault == "no_skip" else h + 0.2 * new
        return self.leave(h)


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=5e-4)
for _ in range(150):
    loss = F.cross_entropy(model(features)[known], groups[known])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    right = (model(features)[~known].argmax(1) == groups[~known]).float().mean().item()
print(f"held out {right:.4f} reference 0.2")
