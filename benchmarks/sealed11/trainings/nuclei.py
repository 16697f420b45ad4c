"""Heat maps of cell centres with a focal loss. The maps stay flat."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def make(n, size=16):
    yy, xx = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    images, maps = torch.zeros(n, 1, size, size), torch.zeros(n, 1, size, size)
    for i in range(n):
        for _ in range(2):
            cy, cx = torch.randint(3, size - 3, (2,))
            blob = torch.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 4.0)
            images[i, 0] = torch.maximum(images[i, 0], blob)
            maps[i, 0, cy - 1 : cy + 2, cx - 1 : cx + 2] = 1
    return images + 0.2 * torch.randn_like(images), maps


class HeatNet(nn.Module):
    def __init__(self, prior=0.01):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
        )
        self.out = nn.Conv2d(16, 1, 1)
        bias = -torch.log(torch.tensor((1 - prior) / prior)).item()
        convs = self.modules() if version == "buggy" else [self.out]
        for m in convs:
            if isinstance(m, nn.Conv2d):
                nn.init.constant_(m.bias, bias)

    def forward(self, x):
        return self.out(self.body(x))


def focal(logits, target, alpha=0.25, gamma=2.0):
    ce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p = torch.sigmoid(logits)
    p_t = p * target + (1 - p) * (1 - target)
    a_t = alpha * target + (1 - alpha) * (1 - target)
    return (a_t * (1 - p_t) ** gamma * ce).sum() / target.sum()


x, y = make(320)
x_val, y_val = make(80)
model = HeatNet()
optim = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(12):
    total = 0
    for b in torch.randperm(len(x)).split(16):
        loss = focal(model(x[b]), y[b])
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item()
    print(epoch, total / 20)

with torch.no_grad():
    p = torch.sigmoid(model(x_val))
    threshold = 0.4
    hit = ((p > threshold) * y_val).sum()
    f1 = (2 * hit / ((p > threshold).sum() + y_val.sum())).item()
print("F1", f1, "empty", 0.0)
