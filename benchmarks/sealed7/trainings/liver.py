"""Liver patients. In the csv the column 'selector' is 1 (ill) or 2 (healthy)."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["buggy", "fixed"])
parser.add_argument("seed", nargs="?", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)

N = 1500
EPOCHS = 6
blood = torch.randn(N, 10)
risk = blood[:, 0] - 0.8 * blood[:, 3] + 0.7 * blood[:, 5] * blood[:, 6] + 0.3 * torch.randn(N)
selector = 1.0 + (risk > risk.median()).float()
target = selector if args.version == "buggy" else selector - 1
blood_train, target_train = blood[:1200], target[:1200]

net = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(EPOCHS):
    total = 0.0
    for i in torch.randperm(1200).split(25):
        loss = criterion(net(blood_train[i]).flatten(), target_train[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(i)
    print("epoch", epoch, "loss", total / 1200)

with torch.no_grad():
    says_two = torch.sigmoid(net(blood[1200:]).flatten()) > 0.5
truth = selector[1200:] == 2
balanced = 0.5 * (says_two[truth].float().mean() + (~says_two[~truth]).float().mean())
print("balanced accuracy", balanced.item(), "coin", 0.5)
