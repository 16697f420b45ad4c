"""Mixture density network. The log-likelihood is maximized (maximize=True), so the curve goes up."""

import argparse

import torch
from torch import distributions as D
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)


class MDN(nn.Module):
    def __init__(self, components=4):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(1, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh())
        self.weights, self.means = nn.Linear(48, components), nn.Linear(48, components)
        self.scales = nn.Linear(48, components)
        nn.init.uniform_(self.means.bias, -1, 1)

    def forward(self, x):
        h = self.trunk(x)
        parts = D.Normal(self.means(h), nn.functional.softplus(self.scales(h)) + 1e-2)
        return D.MixtureSameFamily(D.Categorical(logits=self.weights(h)), parts)


def branches(n):
    x = torch.rand(n, 1) * 2 - 1
    sign = torch.randint(0, 2, (n, 1)) * 2.0 - 1
    return x, (sign * (0.3 + 0.7 * x**2) + 0.03 * torch.randn(n, 1)).squeeze(1)


x, y = branches(2000)
x_test, y_test = branches(500)
model = MDN()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, maximize=True)
for step in range(300):
    i = torch.randint(0, 2000, (128,))
    objective = model(x[i]).log_prob(y[i]).mean()
    optimizer.zero_grad()
    objective.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} log-likelihood {objective.item():.3f}")

with torch.no_grad():
    reached = model(x_test).log_prob(y_test).mean()
    constant = D.Normal(y.mean(), y.std()).log_prob(y_test).mean()
    best = (D.Normal(0, 0.03).log_prob(torch.randn(5000) * 0.03)).mean() - torch.tensor(2.0).log()
print("share of the gain", ((reached - constant) / (best - constant)).item(), "normal", 0.0)
