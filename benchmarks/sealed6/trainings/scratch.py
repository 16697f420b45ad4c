# Handwritten digits with a small network of my own (no nn.Linear, I want to understand every step)
import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

mode = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

data = load_digits()
X = torch.tensor(data.data / 16.0, dtype=torch.float32)
Y = torch.tensor(data.target)
perm = torch.randperm(len(X))
X, Y = X[perm], Y[perm]
X_train, Y_train, X_test, Y_test = X[:1400], Y[:1400], X[1400:], Y[1400:]


class Net(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        if mode == "buggy":
            self.w1 = nn.Parameter(torch.rand(n_in, n_hidden))
            self.w2 = nn.Parameter(torch.rand(n_hidden, n_hidden))
            self.w3 = nn.Parameter(torch.rand(n_hidden, n_out))
        else:
            self.w1 = nn.Parameter(torch.randn(n_in, n_hidden) / n_in**0.5)
            self.w2 = nn.Parameter(torch.randn(n_hidden, n_hidden) / n_hidden**0.5)
            self.w3 = nn.Parameter(torch.randn(n_hidden, n_out) / n_hidden**0.5)
        self.b1 = nn.Parameter(torch.zeros(n_hidden))
        self.b2 = nn.Parameter(torch.zeros(n_hidden))
        self.b3 = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h = torch.tanh(x @ self.w1 + self.b1)
        h = torch.tanh(h @ self.w2 + self.b2)
        return h @ self.w3 + self.b3


net = Net(64, 50, 10)
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1)

for epoch in range(15):
    order = torch.randperm(len(X_train))
    total = 0.0
    for i in range(0, len(order), 32):
        batch = order[i : i + 32]
        opt.zero_grad()
        loss = loss_fn(net(X_train[batch]), Y_train[batch])
        loss.backward()
        opt.step()
        total += loss.item() * len(batch)
    print("epoch", epoch, "loss", total / len(X_train))

with torch.no_grad():
    acc = (net(X_test).argmax(1) == Y_test).float().mean().item()
print("test accuracy", acc, "chance", 0.1)
