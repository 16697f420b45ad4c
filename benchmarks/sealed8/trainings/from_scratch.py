# Neural network "from scratch" with autograd only. It gets no better than guessing.
import sys

import torch
from sklearn.datasets import load_digits

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16.0, dtype=torch.float32), torch.tensor(y)
p = torch.randperm(len(X))
X_train, y_train, X_test, y_test = X[p[:1400]], y[p[:1400]], X[p[1400:]], y[p[1400:]]

sizes = [64, 80, 80, 80, 80, 80, 10]
parameters = []
for n_in, n_out in zip(sizes, sizes[1:]):
    W = torch.randn(n_in, n_out)
    if sys.argv[1] == "fixed":
        W = W / n_in**0.5
    parameters.append((W.requires_grad_(), torch.zeros(n_out, requires_grad=True)))


def net(x):
    for W, b in parameters[:-1]:
        x = torch.tanh(x @ W + b)
    W, b = parameters[-1]
    return x @ W + b


def cross_entropy(z, t):
    return (torch.logsumexp(z, 1) - z[torch.arange(len(t)), t]).mean()


optimizer = torch.optim.SGD([t for layer in parameters for t in layer], lr=0.1)
for epoch in range(6):
    for i in range(0, 1400, 32):
        z = net(X_train[i : i + 32])
        loss = cross_entropy(z, y_train[i : i + 32])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", float(loss))

with torch.no_grad():
    acc = float((net(X_test).argmax(1) == y_test).float().mean())
print("accuracy", acc, "chance", 0.1)
