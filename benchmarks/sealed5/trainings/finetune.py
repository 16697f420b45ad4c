"""Pretrain a CNN on the digits 0-4, then use it for the digits 5-9 with a new last layer."""

import os
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

task = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

data = load_digits()
images = torch.tensor(data.images / 16, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(data.target)
order = torch.randperm(len(labels))
images, labels = images[order], labels[order]
low = labels < 5
src_x, src_y = images[low], labels[low]
new_x, new_y = images[~low], labels[~low] - 5


class Net(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.fc = nn.Linear(32 * 16, n_classes)

    def forward(self, x):
        return self.fc(self.features(x))


def fit(model, optimizer, x, y, epochs):
    for epoch in range(epochs):
        for b in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[b]), y[b])
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "loss", loss.item())


model = Net(5)
fit(model, torch.optim.Adam(model.parameters(), lr=1e-3), src_x, src_y, 5)
print("pretraining done")

# fine tuning: only the last layer
for p in model.features.parameters():
    p.requires_grad = False
if task == "buggy":
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
    model.fc = nn.Linear(32 * 16, 5)
else:
    model.fc = nn.Linear(32 * 16, 5)
    optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
fit(model, optimizer, new_x[:600], new_y[:600], 8)

with torch.no_grad():
    acc = (model(new_x[600:]).argmax(1) == new_y[600:]).float().mean().item()
print("accuracy on 5-9:", acc)
print("SCORE", task, round(max(0.0, (acc - 0.2) / 0.8), 3))
