"""Highway layers on the digits. With 25 of them nothing moves, with 3 it works."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
GATE_BIAS = 3.0 if sys.argv[1] == "buggy" else -3.0
LAYERS, WIDTH = 25, 64


class Highway(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.transform = nn.Linear(width, width)
        self.gate = nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, GATE_BIAS)

    def forward(self, x):
        t = torch.sigmoid(self.gate(x))
        h = torch.relu(self.transform(x))
        return h * t + x * (1 - t)


digits = load_digits()
X = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)
y = torch.tensor(digits.target)
shuffled = torch.randperm(len(X))
train, test = shuffled[:1400], shuffled[1400:]

net = nn.Sequential(*[Highway(WIDTH) for _ in range(LAYERS)], nn.Linear(WIDTH, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(5):
    running = 0.0
    batches = train[torch.randperm(len(train))].split(50)
    for b in batches:
        loss = loss_fn(net(X[b]), y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print("epoch", epoch, "loss", running / len(batches))

net.eval()
with torch.no_grad():
    accuracy = (net(X[test]).argmax(1) == y[test]).float().mean().item()
print("accuracy", accuracy, "chance", 0.1)
