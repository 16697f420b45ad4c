"""Edible or not? Raw measurements of mushrooms, with batch norm at the input."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
MOMENTUM = 0.001 if version == "buggy" else 0.1

scale = torch.tensor([40.0, 12.0, 8.0, 150.0, 25.0, 90.0])
raw = torch.randn(2000, 6)
edible = ((raw[:, 0] * raw[:, 1] + raw[:, 2] - 0.5 * raw[:, 3]) > 0).float()
measured = 5 * scale + raw * scale
train = TensorDataset(measured[:1600], edible[:1600])
test = TensorDataset(measured[1600:], edible[1600:])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn0 = nn.BatchNorm1d(6, momentum=MOMENTUM)
        self.fc1 = nn.Linear(6, 48)
        self.bn1 = nn.BatchNorm1d(48, momentum=MOMENTUM)
        self.fc2 = nn.Linear(48, 48)
        self.fc3 = nn.Linear(48, 1)

    def forward(self, x):
        x = F.relu(self.bn1(self.fc1(self.bn0(x))))
        return self.fc3(F.relu(self.fc2(x))).squeeze(1)


def run(net, loader, optimizer=None):
    net.train(optimizer is not None)
    total = hits = 0
    for x, y in loader:
        out = net(x)
        loss = F.binary_cross_entropy_with_logits(out, y)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total, hits = total + len(y), hits + ((out > 0) == (y > 0)).sum().item()
    return loss.item(), hits / total


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    loss, acc = run(net, DataLoader(train, batch_size=64, shuffle=True), optimizer)
    print(f"epoch {epoch} loss {loss:.4f} acc {acc:.3f}")
with torch.no_grad():
    loss, acc = run(net, DataLoader(test, batch_size=100))
print("accuracy", acc, "chance", 0.5)
