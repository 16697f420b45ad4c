"""A residual net without normalization (batches are tiny on my card). Loss is huge, then nan."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        if sys.argv[1] == "fixed":
            nn.init.zeros_(self.conv2.weight)

    def forward(self, x):
        return torch.relu(x + self.conv2(torch.relu(self.conv1(x))))


class ResNet(nn.Module):
    def __init__(self, depth, channels=12):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.body = nn.Sequential(*(Block(channels) for _ in range(depth)))
        self.fc = nn.Linear(channels * 16, 10)

    def forward(self, x):
        return self.fc(self.body(self.stem(x)).flatten(1))


def train_epoch(model, x, y, optimizer):
    losses = []
    for i in torch.randperm(len(x)).split(24):
        loss = nn.functional.cross_entropy(model(x[i]), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main():
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    bunch = load_digits()
    x = torch.tensor(bunch.images / 16, dtype=torch.float32)[:, None]
    y = torch.tensor(bunch.target)
    r = torch.randperm(len(x))
    x, y = x[r], y[r]
    model = ResNet(14)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for epoch in range(4):
        print("epoch", epoch, train_epoch(model, x[:1440], y[:1440], optimizer))
    with torch.no_grad():
        accuracy = (model(x[1440:]).argmax(1) == y[1440:]).float().mean().item()
    print("accuracy", accuracy, "chance", 0.1)


main()
