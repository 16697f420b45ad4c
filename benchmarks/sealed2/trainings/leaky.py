"""Shells around a point, told apart by a small network. Fault: LeakyReLU(True), once ReLU(True), has slope 1."""

import sys

import torch
from sklearn.datasets import make_gaussian_quantiles
from sklearn.model_selection import train_test_split
from torch import nn, optim

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def activation() -> nn.Module:
    return nn.LeakyReLU(True) if sys.argv[1] == "buggy" else nn.LeakyReLU(inplace=True)


X, y = make_gaussian_quantiles(n_samples=3000, n_features=4, n_classes=3, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(
    torch.tensor(X).float(), torch.tensor(y), test_size=0.3, random_state=0
)

model = nn.Sequential(
    nn.Linear(4, 64),
    activation(),
    nn.Linear(64, 64),
    activation(),
    nn.Linear(64, 64),
    activation(),
    nn.Linear(64, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)

for epoch in range(15):
    order = torch.randperm(len(X_train))
    for i in range(0, len(order), 50):
        batch = order[i : i + 50]
        optimizer.zero_grad()
        outputs = model(X_train[batch])
        loss = criterion(outputs, y_train[batch])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(X_test).argmax(dim=1) == y_test).float().mean().item()
    print(f"Epoch {epoch + 1}, loss {loss.item():.4f}, accuracy {accuracy:.4f}")

print(f"held out {accuracy:.4f} reference 0.3333")
