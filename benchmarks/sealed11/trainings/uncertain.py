"""Bayes by backprop for disease progression. The fit stays as it was at the start."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from torch import nn
from torch.distributions import Normal, kl_divergence

parser = argparse.ArgumentParser()
parser.add_argument("version")
parser.add_argument("seed", type=int, nargs="?", default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)


class BayesLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.mu = nn.Parameter(torch.randn(n_out, n_in) / n_in**0.5)
        self.rho = nn.Parameter(torch.full((n_out, n_in), -4.0))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def posterior(self):
        return Normal(self.mu, F.softplus(self.rho))

    def forward(self, x):
        q = self.posterior()
        w = q.sample() if args.version == "buggy" else q.rsample()
        return F.linear(x, w, self.bias)

    def kl(self):
        return kl_divergence(self.posterior(), Normal(0.0, 1.0)).sum()


bunch = load_diabetes()
x = torch.tensor(bunch.data, dtype=torch.float32)
y = torch.tensor(bunch.target, dtype=torch.float32)
x, y = x / x.std(0), (y - y.mean()) / y.std()
perm = torch.randperm(len(x))
train, test = perm[:350], perm[350:]

net = nn.Sequential(BayesLinear(10, 32), nn.Tanh(), BayesLinear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(30):
    for batch in train[torch.randperm(350)].split(50):
        fit = F.mse_loss(net(x[batch]).squeeze(1), y[batch])
        kl = sum(m.kl() for m in net if isinstance(m, BayesLinear))
        loss = fit + 1e-5 * kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 6 == 0:
        print(f"epoch {epoch} fit {fit.item():.3f} kl {kl.item():.1f}")

with torch.no_grad():
    mean = torch.stack([net(x[test]).squeeze(1) for _ in range(20)]).mean(0)
    r2 = 1 - (F.mse_loss(mean, y[test]) / y[test].var()).item()
print("R2", max(0.0, r2), "mean", 0.0)
