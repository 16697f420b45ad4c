"""Domain adaptation (DANN): the gradient of the domain head is turned around on purpose."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


centers = 1.6 * torch.randn(3, 8)
offset = torch.zeros(8)
offset[:3] = torch.tensor([1.5, -1.5, 1.0])


def batch(n, domain):
    y = torch.randint(0, 3, (n,))
    return centers[y] + torch.randn(n, 8) + domain * offset, y


features = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU())
classify = nn.Linear(24, 3)
which_domain = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))
everything = nn.ModuleList([features, classify, which_domain])
optimizer = torch.optim.Adam(everything.parameters(), lr=2e-3)

STEPS = 300
for step in range(STEPS):
    strength = 0.3 * step / STEPS
    source, labels = batch(48, 0)
    target, _ = batch(48, 1)
    f = features(torch.cat([source, target]))
    label_loss = nn.functional.cross_entropy(classify(f[:48]), labels)
    domain = which_domain(Reverse.apply(f, strength)).squeeze(1)
    truth = torch.cat([torch.zeros(48), torch.ones(48)])
    domain_loss = nn.functional.binary_cross_entropy_with_logits(domain, truth)
    optimizer.zero_grad()
    (label_loss + domain_loss).backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} label {label_loss.item():.3f} domain {domain_loss.item():.3f}")

x, y = batch(600, 0)
with torch.no_grad():
    accuracy = (classify(features(x)).argmax(1) == y).float().mean().item()
print("accuracy", accuracy, "chance", 1 / 3)
