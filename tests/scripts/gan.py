"""Two models against each other, two optimizers; the exit code, then `sick` for a generator too deep."""

import sys

import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
if "sick" in sys.argv:
    deep = [m for _ in range(10) for m in (nn.Linear(32, 32), nn.Sigmoid())]
    generator = nn.Sequential(nn.Linear(8, 32), *deep, nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
slow = torch.optim.Adam(generator.parameters(), lr=2e-4)
fast = torch.optim.Adam(critic.parameters(), lr=2e-4)
judge = nn.BCEWithLogitsLoss()
for _ in range(40):
    fast.zero_grad()
    judge(critic(torch.randn(64, 2) * 0.5 + 1), torch.ones(64, 1)).backward()
    fake = generator(torch.randn(64, 8))
    judge(critic(fake.detach()), torch.zeros(64, 1)).backward()
    fast.step()
    slow.zero_grad()
    judge(critic(fake), torch.ones(64, 1)).backward()
    slow.step()
print(sum(p.double().sum().item() for p in [*generator.parameters(), *critic.parameters()]))
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else None)
