"""Feedback alignment: errors go back through fixed random matrices, not through the weights."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Aligned(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, feedback):
        ctx.save_for_backward(x, feedback)
        return x @ weight.T + bias

    @staticmethod
    def backward(ctx, grad):
        x, feedback = ctx.saved_tensors
        return grad @ feedback, grad.T @ x, grad.sum(0), None


class FALinear(nn.Linear):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.register_buffer("feedback", torch.randn(n_out, n_in) / n_in**0.5)

    def forward(self, x):
        return Aligned.apply(x, self.weight, self.bias, self.feedback)


x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 8 - 1, dtype=torch.float32), torch.tensor(y)
perm = torch.randperm(len(x))
train, test = perm[:1400], perm[1400:]

model = nn.Sequential(FALinear(64, 100), nn.Tanh(), FALinear(100, 60), nn.Tanh(), FALinear(60, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(8):
    for i in train[torch.randperm(1400)].split(40):
        loss = nn.functional.cross_entropy(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    accuracy = (model(x[test]).argmax(1) == y[test]).float().mean().item()
print("accuracy", accuracy, "chance", 0.1)
