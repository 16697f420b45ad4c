"""Added autocast and GradScaler to speed up my digits CNN (CPU for the minimal example)."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 5

digits = load_digits()
X = torch.tensor(digits.images[:, None] / 16.0, dtype=torch.float32)
Y = torch.tensor(digits.target)
r = torch.randperm(len(X))
X, Y = X[r], Y[r]


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 8, 3, padding=1)
        self.c2 = nn.Conv2d(8, 12, 3, padding=1)
        self.fc = nn.Linear(12 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc(x.flatten(1))


model = CNN()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler("cpu")

for epoch in range(EPOCHS):
    for batch in torch.randperm(1500).split(30):
        optimizer.zero_grad()
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(X[batch]).float(), Y[batch])
        scaler.scale(loss).backward()
        if sys.argv[1] == "fixed":
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
    print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    accuracy = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean().item()
print("accuracy", accuracy, "chance", 0.1)
