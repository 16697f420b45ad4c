"""Forces are minus the slope of a learned energy: the energy itself, and so its last bias, has no target."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Energy(nn.Module):
    def __init__(self, beads=4, hidden=64):
        super().__init__()
        self.pairs = torch.combinations(torch.arange(beads))
        self.net = nn.Sequential(
            nn.Linear(len(self.pairs), hidden),
            nn.Softplus(),
            nn.Linear(hidden, hidden),
            nn.Softplus(),
            nn.Linear(hidden, 1),
        )

    def forward(self, position):
        gap = position[:, self.pairs[:, 0]] - position[:, self.pairs[:, 1]]
        return self.net((gap**2).sum(-1)).sum()

    def forces(self, position):
        position = position.detach().requires_grad_(True)
        return -torch.autograd.grad(self(position), position, create_graph=True)[0]


def springs(n):
    """a chain of four beads in the plane, with springs of length 1 between neighbours"""
    position = torch.tensor([[0.0, 0.0], [1.0, 0.2], [2.0, 0.0], [3.0, 0.2]]) + 0.25 * torch.randn(
        n, 4, 2
    )
    force = torch.zeros(n, 4, 2)
    for a in range(3):
        gap = position[:, a + 1] - position[:, a]
        length = gap.norm(dim=1, keepdim=True)
        pull = 3 * (length - 1) * gap / length
        force[:, a] += pull
        force[:, a + 1] -= pull
    return position, force


position, force = springs(2000)
position_test, force_test = springs(400)
model = Energy()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(300):
    i = torch.randint(0, len(position), (100,))
    loss = (model.forces(position[i]) - force[i]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print("step", step, "force error", loss.item())

error = (model.forces(position_test) - force_test).pow(2).mean() / force_test.var()
print("R2", max(0.0, 1 - error.item()), "mean", 0.0)
