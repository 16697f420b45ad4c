"""Labels from one microscope only, pictures from two: a domain classifier is trained against the features (gradient reversal)."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
first, first_y = x[:800], y[:800]
second, second_y = 0.7 * x[800:] + 0.2 + 0.15 * torch.randn(len(x) - 800, 64), y[800:]


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, h, strength):
        ctx.strength = strength
        return h.view_as(h)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


features = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 32), nn.ReLU())
classify = nn.Linear(32, 10)
domain = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
parameters = [*features.parameters(), *classify.parameters(), *domain.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3)
ce = nn.CrossEntropyLoss()

for step in range(800):
    i, j = torch.randint(0, 800, (50,)), torch.randint(0, 600, (50,))
    strength = min(1.0, step / 400) * 0.5
    h1, h2 = features(first[i]), features(second[j])
    loss_label = ce(classify(h1), first_y[i])
    where = torch.cat([torch.zeros(50), torch.ones(50)]).long()
    loss_domain = ce(domain(Reverse.apply(torch.cat([h1, h2]), strength)), where)
    loss = loss_label + loss_domain
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} label {loss_label.item():.3f} domain {loss_domain.item():.3f}")

with torch.no_grad():
    hit = classify(features(second[600:])).argmax(1) == second_y[600:]
print("accuracy with the second microscope", hit.float().mean().item(), "chance", 0.1)
