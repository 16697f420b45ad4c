"""Dense detector with focal loss (RetinaNet style head). It answers background everywhere."""

import argparse
import math

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["buggy", "fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
MAX_ITER, CELLS, STRIDE = 250, 4, 4


def make_batch(n):
    images = 0.4 * torch.randn(n, 1, CELLS * STRIDE, CELLS * STRIDE)
    objectness = (torch.rand(n, CELLS, CELLS) < 0.2).float()
    for i, row, col in objectness.nonzero().tolist():
        y, x = (
            STRIDE * row + int(torch.randint(0, 2, ())),
            STRIDE * col + int(torch.randint(0, 2, ())),
        )
        images[i, 0, y : y + 3, x : x + 3] += 1.0
    return images, objectness


class Head(nn.Module):
    def __init__(self, width=16, prior=0.01):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, stride=2, padding=1)
        self.tower = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.mix = nn.Conv2d(width, width, 3, padding=1)
        self.cls_score = nn.Conv2d(width, 1, 1)
        for layer in (self.stem, self.tower, self.mix):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        bias_value = -math.log((1 - prior) / prior)
        layers = self.children() if args.version == "buggy" else [self.cls_score]
        for layer in layers:
            nn.init.constant_(layer.bias, bias_value)

    def forward(self, images):
        x = F.relu(self.stem(images))
        x = F.relu(self.tower(x))
        x = F.relu(self.mix(x))
        return self.cls_score(x).squeeze(1)


def focal_loss(logits, targets, alpha=0.5, gamma=2.0):
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = torch.exp(-ce)
    alpha_t = alpha * targets + (1 - alpha) * (1 - targets)
    return (alpha_t * (1 - p_t) ** gamma * ce).sum() / targets.sum().clamp(min=1)


head = Head()
optimizer = torch.optim.SGD(head.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
for it in range(MAX_ITER):
    images, targets = make_batch(32)
    loss = focal_loss(head(images), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 50 == 0:
        print(f"iter {it} loss {loss.item():.4f}")

with torch.no_grad():
    images, targets = make_batch(300)
    found = head(images) > 0
hit = found[targets == 1].float().mean() + (~found[targets == 0]).float().mean()
print("balanced accuracy of cells", hit.item() / 2, "coin", 0.5)
