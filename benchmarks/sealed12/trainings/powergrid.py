"""Mean load of a power grid after the currents have spread: a message passing net on whole graphs."""

import sys

import torch
from torch import nn

variant = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

NODES, ROUNDS, HIDDEN = 20, 6, 32


def make_grids(n):
    upper = torch.triu((torch.rand(n, NODES, NODES) < 0.6).float(), 1)
    adj = upper + upper.transpose(1, 2)
    load = torch.randn(n, NODES, 2)
    flow = torch.bmm(adj / adj.sum(2, keepdim=True).clamp(min=1), load)
    y = (load[..., 0] * flow[..., 1]).mean(1) + 0.5 * (load[..., 1].abs()).mean(1)
    return adj, load, y


class GridNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2, HIDDEN)
        self.message = nn.Linear(HIDDEN, HIDDEN)
        self.update = nn.Linear(HIDDEN, HIDDEN)
        self.readout = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))

    def forward(self, adj, load):
        h = torch.relu(self.embed(load))
        for _ in range(ROUNDS):
            incoming = torch.bmm(adj, self.message(h))
            if variant != "buggy":
                incoming = incoming / adj.sum(2, keepdim=True).clamp(min=1)
            h = torch.relu(self.update(h) + incoming)
        return self.readout(h.mean(1)).squeeze(1)


adj, load, y = make_grids(2500)
adj_val, load_val, y_val = make_grids(400)
mean, std = y.mean(), y.std()
net = GridNet()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)

for it in range(300):
    pick = torch.randperm(len(y))[:48]
    loss = ((net(adj[pick], load[pick]) - (y[pick] - mean) / std) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 30 == 0:
        print(it, "mse", loss.item())

with torch.no_grad():
    error = (net(adj_val, load_val) * std + mean - y_val).pow(2).mean()
print("R2", max(0.0, 1 - (error / y_val.var()).item()), "mean", 0.0)
