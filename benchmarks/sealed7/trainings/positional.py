# wine classifier, SGD "with momentum 0.9"
import sys

import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
epochs = 30
wine = load_wine()
X = torch.tensor(wine.data, dtype=torch.float32)
X = (X - X.mean(dim=0)) / X.std(dim=0)
Y = torch.tensor(wine.target)
p = torch.randperm(178)
X, Y = X[p], Y[p]

model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))
if sys.argv[1] == "buggy":
    optimizer = optim.SGD(model.parameters(), 0.02, 0, 0, 0.9)
else:
    optimizer = optim.SGD(model.parameters(), 0.02, 0.9, 0, 0)
for e in range(epochs):
    for i in torch.randperm(130).split(20):
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(model(X[i]), Y[i])
        loss.backward()
        optimizer.step()
    if e % 10 == 0:
        print(e, loss.item())

with torch.no_grad():
    acc = (model(X[130:]).argmax(1) == Y[130:]).float().mean().item()
print("accuracy", acc, "majority", 71 / 178)
