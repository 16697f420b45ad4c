"""Prototypical networks (Snell et al. 2017) with a learned temperature: 5-way 5-shot episodes."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
COUNTRIES, WAYS, SHOTS, QUERIES = 60, 5, 5, 8
mixing = torch.randn(40, 40) / 40**0.5
motif = torch.randn(COUNTRIES, 4)


def stamps(country):
    """Four numbers say where a stamp is from, and 36 others do not."""
    own = motif[country] + 0.3 * torch.randn(*country.shape, 4)
    return torch.cat([own, 2.5 * torch.randn(*country.shape, 36)], -1) @ mixing


def episode(countries):
    chosen = countries[torch.randperm(len(countries))[:WAYS]]
    return stamps(chosen.repeat(SHOTS, 1).T), stamps(chosen.repeat(QUERIES, 1).T)


class ProtoNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 16))
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def embed(self, x):
        learning = not self.training if version == "buggy" else self.training
        with torch.set_grad_enabled(learning):
            return self.encoder(x)

    def forward(self, support, query):
        prototypes = self.embed(support).mean(1)
        distance = torch.cdist(self.embed(query).flatten(0, 1), prototypes)
        return -distance.pow(2) * self.log_temperature.exp()


net = ProtoNet()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
train_countries, test_countries = torch.arange(45), torch.arange(45, COUNTRIES)
labels = torch.arange(WAYS).repeat_interleave(QUERIES)
for step in range(300):
    net.train()
    loss = F.cross_entropy(net(*episode(train_countries)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"episode {step} loss {loss.item():.4f}")
net.eval()
with torch.no_grad():
    hits = [(net(*episode(test_countries)).argmax(1) == labels).float().mean() for _ in range(100)]
print("accuracy", torch.stack(hits).mean().item(), "chance", 1 / WAYS)
