"""Lion written from the pseudo-code, with its small rate and its large weight decay."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_((beta1 * m + (1 - beta1) * p.grad).sign(), alpha=-group["lr"])
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)


# five categorical columns, two of which work together
SIZES = [4, 6, 3, 9, 5]
columns = torch.stack([torch.randint(0, s, (3000,)) for s in SIZES], dim=1)
effect = [torch.randn(s) for s in SIZES]
both = torch.randn(SIZES[1], SIZES[3])
risk = sum(e[columns[:, i]] for i, e in enumerate(effect)) + 2 * both[columns[:, 1], columns[:, 3]]
label = (risk > risk.median()).float()


class Tabular(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeds = nn.ModuleList(nn.Embedding(s, 8) for s in SIZES)
        self.mlp = nn.Sequential(nn.Linear(40, 64), nn.SiLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.mlp(torch.cat([e(x[:, i]) for i, e in enumerate(self.embeds)], 1)).squeeze(1)


model = Tabular()
optimizer = Lion(model.parameters(), lr=2e-3, weight_decay=0.3)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(7):
    for rows in torch.randperm(2400).split(64):
        loss = loss_fn(model(columns[rows]), label[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    right = ((model(columns[2400:]) > 0) == (label[2400:] > 0)).float().mean().item()
print("accuracy", right, "coin", 0.5)
