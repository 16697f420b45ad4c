"""I read that deeper is better, so: 18 linear layers with ReLU on the wine data set"""

import sys

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale
from torch import nn

kind = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
epochs = 40

X, y = load_wine(return_X_y=True)
X, y = torch.tensor(scale(X), dtype=torch.float32), torch.tensor(y)
mix = torch.randperm(len(X))
X, y = X[mix], y[mix]

layers = [nn.Linear(13, 48), nn.ReLU()]
for _ in range(17):
    layers += [nn.Linear(48, 48), nn.ReLU()]
layers.append(nn.Linear(48, 3))
model = nn.Sequential(*layers)
if kind == "fixed":
    for m in model:
        if isinstance(m, nn.Linear):
            nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)

optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(epochs):
    for i in torch.randperm(120).split(20):
        optimizer.zero_grad()
        loss = loss_fn(model(X[i]), y[i])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 0:
        print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    acc = (model(X[120:]).argmax(1) == y[120:]).float().mean().item()
print("accuracy", acc, "majority", 71 / 178)
