"""Mixup with label smoothing and dropout on digits: the training loss stays high by design."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

p = argparse.ArgumentParser()
p.add_argument("version")
p.add_argument("seed", type=int, nargs="?", default=0)
p.add_argument("--alpha", type=float, default=1.0)
p.add_argument("--smoothing", type=float, default=0.2)
args = p.parse_args()
torch.manual_seed(args.seed)
np.random.seed(args.seed)


def mixup(x, y):
    lam = np.random.beta(args.alpha, args.alpha)
    partner = torch.randperm(len(x))
    return lam * x + (1 - lam) * x[partner], y, y[partner], lam


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.drop = nn.Dropout(0.4)
        self.fc = nn.Linear(32 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(self.drop(x.flatten(1)))


digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=0.05)
for epoch in range(7):
    net.train()
    for rows in torch.randperm(1400).split(36):
        mixed, ya, yb, lam = mixup(x[rows], y[rows])
        out = net(mixed)
        loss = lam * F.cross_entropy(out, ya, label_smoothing=args.smoothing)
        loss = loss + (1 - lam) * F.cross_entropy(out, yb, label_smoothing=args.smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")
net.eval()
with torch.no_grad():
    acc = (net(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
