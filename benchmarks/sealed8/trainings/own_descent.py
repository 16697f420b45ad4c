"""Diabetes regression with my own gradient descent, no torch.optim. The loss is constant."""

import sys

import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
X, y = load_diabetes(return_X_y=True, scaled=True)
X = torch.tensor(X, dtype=torch.float32) * 21
y = torch.tensor(y, dtype=torch.float32)
y = (y - y.mean()) / y.std()
order = torch.randperm(len(X))
train, test = order[:340], order[340:]

layer1 = torch.nn.Linear(10, 16)
layer2 = torch.nn.Linear(16, 1)
parameters = [*layer1.parameters(), *layer2.parameters()]
lr = 0.03


def predict(x):
    return layer2(torch.tanh(layer1(x))).squeeze(1)


def update():
    with torch.no_grad():
        for p in parameters:
            if sys.argv[1] == "buggy":
                p = p - lr * p.grad
            else:
                p -= lr * p.grad


for step in range(300):
    batch = train[torch.randint(0, len(train), (64,))]
    loss = ((predict(X[batch]) - y[batch]) ** 2).mean()
    for p in parameters:
        p.grad = None
    loss.backward()
    update()
    if step % 30 == 0:
        print("step", step, "mse", loss.item())

with torch.no_grad():
    residual = ((predict(X[test]) - y[test]) ** 2).mean() / y[test].var()
print("R2", 1 - residual.item(), "mean", 0.0)
