"""My first own nn.Module: two-layer net for the iris flowers... accuracy jumps around"""

import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_iris

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
num_epochs = 30

iris = load_iris()
X = torch.tensor(iris.data, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
Y = torch.tensor(iris.target)
perm = torch.randperm(150)
X, Y = X[perm], Y[perm]


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(4, 24)
        self.act = nn.Tanh()
        self.fc2 = nn.Linear(24, 3)

    def forward(self, x):
        x = self.act(self.fc1(x))
        if version == "buggy":
            return nn.Linear(24, 3)(x)
        return self.fc2(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(num_epochs):
    for i in torch.randperm(105).split(15):
        optimizer.zero_grad()
        loss = criterion(net(X[i]), Y[i])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        print("Epoch", epoch, "loss", loss.item())

with torch.no_grad():
    hits = torch.stack([net(X[105:]).argmax(1) == Y[105:] for _ in range(50)])
print("accuracy", hits.float().mean().item(), "chance", 1 / 3)
