"""SimCLR on two noisy views of a mineral spectrum, judged by nearest neighbours of the frozen features."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

v = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
KINDS, BANDS, BATCH = 8, 60, 64
prototypes = torch.randn(200, BANDS)
background = torch.randn(10, BANDS)


def view(mineral):
    """the background light and the noise are other ones in each view"""
    n = len(mineral)
    return prototypes[mineral] + 1.4 * torch.randn(n, 10) @ background + 0.5 * torch.randn(n, BANDS)


def nt_xent(z, temperature=0.2):
    z = F.normalize(z, dim=1)
    similarity = z @ z.T / temperature
    similarity = similarity.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
    partner = (torch.arange(len(z)) + len(z) // 2) % len(z)
    return F.cross_entropy(similarity, partner)


encoder = nn.Sequential(nn.Linear(BANDS, 96), nn.ReLU(), nn.Linear(96, 32))
projector = nn.Sequential(nn.ReLU(), nn.Linear(32, 32))
optimizer = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=2e-3)
for step in range(300):
    minerals = torch.randperm(200)[:BATCH]
    if v == "buggy":
        both = view(minerals.repeat_interleave(2))
    else:
        both = view(minerals.repeat(2))
    loss = nt_xent(projector(encoder(both)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    bank, query = torch.arange(KINDS).repeat(40), torch.randint(0, KINDS, (600,))
    fb, fq = F.normalize(encoder(view(bank)), dim=1), F.normalize(encoder(view(query)), dim=1)
    nearest = (fq @ fb.T).topk(5, 1)[1]
    accuracy = (bank[nearest].mode(1)[0] == query).float().mean().item()
print("accuracy", accuracy, "chance", 1 / KINDS)
