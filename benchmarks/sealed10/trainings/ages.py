"""How old is somebody? A regression from ten measurements."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

VERSION = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

people = 1600
age = 18 + 62 * torch.rand(people, 1)
loading = torch.randn(1, 10)
features = ((age - 49) / 18) @ loading + torch.sin(age / 9) * torch.randn(1, 10)
features = features + 0.3 * torch.randn(people, 10)
train_set, test_set = random_split(TensorDataset(features, age), [1300, 300])


class AgeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        x = self.fc3(x)
        if VERSION == "buggy":
            return torch.sigmoid(x)
        return x


net = AgeNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
loss_fn = nn.L1Loss()
for epoch in range(7):
    running = 0.0
    for inputs, labels in DataLoader(train_set, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = loss_fn(net(inputs), labels)
        loss.backward()
        optimizer.step()
        running += loss.item() * len(inputs)
    print(f"epoch {epoch + 1} mean absolute error {running / len(train_set):.2f} years")

with torch.no_grad():
    inputs, labels = next(iter(DataLoader(test_set, batch_size=300)))
    r2 = 1 - (net(inputs) - labels).pow(2).mean() / labels.var(unbiased=False)
print("R2", r2.item(), "mean", 0.0)
