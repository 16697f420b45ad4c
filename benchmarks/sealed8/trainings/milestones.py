"""Forest cover like table: 12 numbers, 7 classes. Plain SGD with step decay, does not get far."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

n, d, k = 2800, 12, 7
x = torch.randn(n, d)
teacher = nn.Sequential(nn.Linear(d, 32), nn.Tanh(), nn.Linear(32, k))
with torch.no_grad():
    teacher[0].weight.mul_(3)
    logits = teacher(x)
    y = ((logits - logits.mean(0)) / logits.std(0)).argmax(1)
train_x, train_y, test_x, test_y = x[:2400], y[:2400], x[2400:], y[2400:]


class Trainer:
    def __init__(self, model, epochs):
        self.model, self.epochs = model, epochs
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        self.scheduler = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, [3, 6, 9], gamma=0.1)

    def train_epoch(self):
        total = 0.0
        for i in torch.randperm(len(train_x)).split(96):
            loss = nn.functional.cross_entropy(self.model(train_x[i]), train_y[i])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if version == "buggy":
                self.scheduler.step()
            total += loss.item() * len(i)
        if version == "fixed":
            self.scheduler.step()
        return total / len(train_x)

    def fit(self):
        for epoch in range(self.epochs):
            print(f"epoch {epoch:2d} loss {self.train_epoch():.4f}")


model = nn.Sequential(nn.Linear(d, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU(), nn.Linear(96, k))
Trainer(model, epochs=12).fit()
with torch.no_grad():
    accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
print("accuracy", accuracy, "majority", (test_y.bincount().max() / len(test_y)).item())
