"""Mixture of experts: each sample goes to one of four experts, with the load-balancing loss of the Switch Transformer."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, EXPERTS = 300, 4

maps = torch.randn(4, 6, 6) / 6**0.5
centers = 2.5 * torch.randn(4, 6)


def draw(n):
    region = torch.randint(0, 4, (n,))
    offset = torch.randn(n, 6)
    return centers[region] + offset, torch.einsum("nij,nj->ni", maps[region], offset)


class MixtureOfExperts(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(6, EXPERTS)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 6)) for _ in range(EXPERTS)
        )

    def forward(self, x):
        probs = self.router(x).softmax(1)
        gate, chosen = probs.max(1)
        out = torch.zeros_like(x)
        for k, expert in enumerate(self.experts):
            mine = chosen == k
            if mine.any():
                out[mine] = gate[mine].unsqueeze(1) * expert(x[mine])
        share = torch.bincount(chosen, minlength=EXPERTS).float() / len(x)
        return out, EXPERTS * (share * probs.mean(0)).sum()


model = MixtureOfExperts()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
for step in range(STEPS):
    x, y = draw(128)
    out, balance = model(x)
    loss = ((out - y) ** 2).mean() + 0.01 * balance
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} balance {balance.item():.3f}")

with torch.no_grad():
    x, y = draw(2000)
    r2 = 1 - ((model(x)[0] - y) ** 2).mean() / y.var()
print("R2", r2.item(), "mean", 0.0)
