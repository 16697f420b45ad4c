"""Weights of one bit: the forward pass uses signs, the gradient goes straight through."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
x = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        ctx.save_for_backward(w)
        return torch.where(w >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx, grad):
        (w,) = ctx.saved_tensors
        return grad * (w.abs() <= 1)


class BitLinear(nn.Linear):
    def forward(self, x):
        return nn.functional.linear(x, Sign.apply(self.weight) / self.in_features**0.5, self.bias)


net = nn.Sequential(
    BitLinear(64, 256), nn.BatchNorm1d(256), nn.Hardtanh(), BitLinear(256, 10), nn.BatchNorm1d(10)
)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(15):
    net.train()
    summed = 0.0
    for idx in torch.randperm(1400).split(50):
        loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        with torch.no_grad():
            for module in net:
                if isinstance(module, BitLinear):
                    module.weight.clamp_(-1, 1)
        summed += loss.item()
    print("epoch", epoch, "loss", summed / 28)
net.eval()
with torch.no_grad():
    print("accuracy", (net(x[1400:]).argmax(1) == y[1400:]).float().mean().item(), "chance", 0.1)
