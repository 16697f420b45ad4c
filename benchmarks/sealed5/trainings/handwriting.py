# Hi all, I am new to PyTorch. I train a fully connected net on the sklearn digits.
import os
import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

version = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)

data, target = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    data / 16.0, target, test_size=0.25, random_state=seed
)
X_train = torch.tensor(X_train, dtype=torch.float32)
X_test = torch.tensor(X_test, dtype=torch.float32)
y_train = torch.tensor(y_train)
y_test = torch.tensor(y_test)

if version == "buggy":
    act = nn.Sigmoid
else:
    act = nn.ReLU

layers = [nn.Linear(64, 100), act()]
for _ in range(4):
    layers += [nn.Linear(100, 100), act()]
layers.append(nn.Linear(100, 10))
net = nn.Sequential(*layers)

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

for epoch in range(20):
    perm = torch.randperm(len(X_train))
    total = 0.0
    for i in range(0, len(X_train), 64):
        idx = perm[i : i + 64]
        optimizer.zero_grad()
        out = net(X_train[idx])
        loss = criterion(out, y_train[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    if epoch % 3 == 0:
        print(f"epoch {epoch} loss {total / len(X_train):.4f}")

with torch.no_grad():
    acc = (net(X_test).argmax(1) == y_test).float().mean().item()
print("test accuracy", acc)
print("SCORE", version, round(max(0.0, (acc - 0.1) / 0.9), 3))
