"""Feedback alignment (Lillicrap et al. 2016): errors travel back through fixed random weights."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 300


class RandomBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, feedback):
        ctx.save_for_backward(x, feedback)
        return x @ weight.T + bias

    @staticmethod
    def backward(ctx, grad):
        x, feedback = ctx.saved_tensors
        return grad @ feedback, grad.T @ x, grad.sum(0), None


class FALinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / n_in**0.5)
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.register_buffer("feedback", torch.randn(n_out, n_in) / n_in**0.5)

    def forward(self, x):
        return RandomBackward.apply(x, self.weight, self.bias, self.feedback)


digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
x = (x - x.mean()) / x.std()
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
train, test = perm[:1400], perm[1400:]

net = nn.Sequential(FALinear(64, 100), nn.Tanh(), FALinear(100, 60), nn.Tanh(), FALinear(60, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for step in range(STEPS):
    i = train[torch.randint(0, len(train), (64,))]
    loss = nn.functional.cross_entropy(net(x[i]), y[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    acc = (net(x[test]).argmax(1) == y[test]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
