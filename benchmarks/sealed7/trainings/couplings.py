"""RealNVP on a bent band. The loss is a negative log-likelihood and may become negative."""

import sys

import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 300
along = torch.randn(4000)
points = torch.stack([along, along**2 - 0.3 * along + 0.15 * torch.randn(4000)], 1)
points = (points - points.mean(0)) / points.std(0)
train, test = points[:3000], points[3000:]


class Coupling(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.keep = keep
        self.net = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 2))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        fixed, moved = x[:, self.keep], x[:, 1 - self.keep]
        log_scale, shift = self.net(fixed.unsqueeze(1)).unbind(1)
        log_scale = 2 * torch.tanh(log_scale)
        moved = moved * log_scale.exp() + shift
        both = [fixed, moved] if self.keep == 0 else [moved, fixed]
        return torch.stack(both, 1), log_scale


flow = nn.ModuleList(Coupling(i % 2) for i in range(4))
optimizer = torch.optim.Adam(flow.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)


def log_prob(x):
    total = 0.0
    for layer in flow:
        x, log_det = layer(x)
        total = total + log_det
    return Normal(0.0, 1.0).log_prob(x).sum(1) + total


for step in range(STEPS):
    loss = -log_prob(train[torch.randint(0, 3000, (128,))]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    ours = log_prob(test).mean()
    gaussian = MultivariateNormal(train.mean(0), torch.cov(train.T)).log_prob(test).mean()
print("gain in nats", min(1.0, (ours - gaussian).item()), "gaussian", 0.0)
