"""Small net for tiny grey images and small batches, with GroupNorm; the loss stays at 2.3."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

digits = load_digits()
images = torch.tensor(digits.images / 8 - 1, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(digits.target)
order = torch.randperm(len(images))
train_idx, test_idx = order[:1500], order[1500:]


def norm(channels):
    return nn.GroupNorm(channels if version == "buggy" else 4, channels)


class PlanktonNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), norm(12), nn.ReLU())
        self.block2 = nn.Sequential(nn.Conv2d(12, 24, 3, padding=1), norm(24), nn.ReLU())
        self.embed = nn.Linear(24 * 4, 32)
        self.neck = norm(32)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(self.block1(x), 2)
        x = F.max_pool2d(self.block2(x), 2)
        x = self.neck(self.embed(x.flatten(1)))
        return self.head(F.relu(x))


def train_epoch(net, opt, batch_size=24):
    net.train()
    losses = []
    for batch in train_idx[torch.randperm(len(train_idx))].split(batch_size):
        loss = F.cross_entropy(net(images[batch]), labels[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


net = PlanktonNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for epoch in range(4):
    print(f"epoch {epoch} loss {train_epoch(net, opt):.4f}")
net.eval()
with torch.no_grad():
    acc = (net(images[test_idx]).argmax(1) == labels[test_idx]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
