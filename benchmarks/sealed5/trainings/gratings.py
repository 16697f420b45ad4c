"""Classify the orientation of gratings. I wanted to see if a deeper CNN does better than my 4 layer one."""

import math
import os
import sys

import torch
from torch import nn
import torch.nn.functional as F

variant = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))


def make_images(n, size=16):
    ys, xs = torch.meshgrid(torch.arange(size).float(), torch.arange(size).float(), indexing="ij")
    label = torch.randint(0, 4, (n,))
    theta = label.float() * math.pi / 4
    phase = torch.rand(n) * 2 * math.pi
    wave = torch.sin(
        0.9 * (torch.cos(theta)[:, None, None] * xs + torch.sin(theta)[:, None, None] * ys)
        + phase[:, None, None]
    )
    return (wave + 0.5 * torch.randn(n, size, size)).unsqueeze(1), label


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        if variant == "fixed":
            return x + F.relu(self.conv(x))
        return F.relu(self.conv(x))


class DeepNet(nn.Module):
    def __init__(self, depth=20, channels=8):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*[Block(channels) for _ in range(depth)])
        self.head = nn.Linear(channels, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = self.blocks(x)
        return self.head(x.mean(dim=(2, 3)))


train_x, train_y = make_images(2000)
val_x, val_y = make_images(500)

model = DeepNet()
opt = torch.optim.Adam(model.parameters(), lr=5e-4)
for step in range(160):
    idx = torch.randint(0, len(train_x), (24,))
    loss = F.cross_entropy(model(train_x[idx]), train_y[idx])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item())

model.eval()
with torch.no_grad():
    acc = (model(val_x).argmax(1) == val_y).float().mean().item()
print("val acc: %.3f" % acc)
print("SCORE", variant, round(max(0.0, (acc - 0.25) / 0.75), 3))
