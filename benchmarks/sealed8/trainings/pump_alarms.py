"""MLP on sensor readings of pumps, four kinds of failures. Accuracy never leaves 25 percent."""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["buggy", "fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)

HIDDEN, DEPTH, CLASSES, EPOCHS = 64, 11, 4, 7
readings = torch.randn(2400, 20)
centers = torch.randn(CLASSES * 3, 20)
labels = torch.cdist(readings, centers).argmin(dim=1) % CLASSES
readings = readings + 0.8 * centers[torch.cdist(readings, centers).argmin(dim=1)]
train, test = random_split(TensorDataset(readings, labels), [2000, 400])


def build(activation):
    layers = [nn.Linear(20, HIDDEN), activation()]
    for _ in range(DEPTH - 1):
        layers += [nn.Linear(HIDDEN, HIDDEN), activation()]
    layers.append(nn.Linear(HIDDEN, CLASSES))
    return nn.Sequential(*layers)


model = build(nn.Sigmoid if args.version == "buggy" else nn.Tanh)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(EPOCHS):
    total = 0.0
    for x, y in DataLoader(train, batch_size=64, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    print(f"epoch {epoch + 1} loss {total / len(train):.4f}")

x, y = next(iter(DataLoader(test, batch_size=400)))
with torch.no_grad():
    accuracy = (model(x).argmax(1) == y).float().mean().item()
most = y.bincount().max().item() / len(y)
print("accuracy", accuracy, "majority", most)
