"""Two moons with momentum. The loss goes up and down and never settles."""

import sys

import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 300
X, y = make_moons(1000, noise=0.15, random_state=2)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
X_train, y_train, X_test, y_test = X[:700], y[:700], X[700:], y[700:]

model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
for step in range(STEPS):
    pick = torch.randint(0, 700, (32,))
    if sys.argv[1] == "buggy":
        optimizer.zero_grad
    else:
        optimizer.zero_grad()
    loss = loss_fn(model(X_train[pick]), y_train[pick])
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    acc = (model(X_test).argmax(1) == y_test).float().mean().item()
print("accuracy", acc, "chance", 0.5)
