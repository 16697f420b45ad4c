"""A restricted Boltzmann machine, contrastive divergence: the loss is a difference of energies."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class RBM(nn.Module):
    def __init__(self, visible=64, hidden=96, k=1):
        super().__init__()
        self.W = nn.Parameter(torch.randn(hidden, visible) * 0.01)
        self.v_bias = nn.Parameter(torch.zeros(visible))
        self.h_bias = nn.Parameter(torch.zeros(hidden))
        self.k = k

    def hidden(self, v):
        return torch.sigmoid(F.linear(v, self.W, self.h_bias))

    def visible(self, h):
        return torch.sigmoid(F.linear(h, self.W.T, self.v_bias))

    def forward(self, v):
        for _ in range(self.k):
            h = torch.bernoulli(self.hidden(v))
            v = torch.bernoulli(self.visible(h))
        return v

    def free_energy(self, v):
        return -(v @ self.v_bias) - F.softplus(F.linear(v, self.W, self.h_bias)).sum(1)


pixels = torch.tensor(load_digits().data > 7, dtype=torch.float32)
pixels = pixels[torch.randperm(len(pixels))]
train, test = pixels[:1500], pixels[1500:]
rbm = RBM()
optimizer = torch.optim.SGD(rbm.parameters(), lr=0.1, momentum=0.5)
for epoch in range(12):
    for v in train[torch.randperm(1500)].split(64):
        with torch.no_grad():
            dream = rbm(v)
        loss = rbm.free_energy(v).mean() - rbm.free_energy(dream).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} free energy gap {loss.item():.4f}")

with torch.no_grad():
    error = (rbm.visible(rbm.hidden(test)) - test).pow(2).mean()
    base = (test - train.mean(0)).pow(2).mean()
print("R2 of the reconstruction", (1 - error / base).item(), "mean", 0.0)
