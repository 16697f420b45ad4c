"""Siamese net with the contrastive loss (Hadsell et al. 2006): are two digits the same?"""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

kind = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, MARGIN = 250, 2.0

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]


def pairs(low, high, n):
    a = torch.randint(low, high, (n,))
    b = torch.randint(low, high, (n,))
    for i in range(0, n, 2):  # every other pair is of one class
        same = (y[low:high] == y[a[i]]).nonzero().squeeze(1) + low
        b[i] = same[torch.randint(0, len(same), ())]
    return x[a], x[b], (y[a] == y[b]).float()


class ContrastiveLoss(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    def forward(self, d, same):
        if kind == "buggy":
            apart = F.relu(d - self.margin)
        else:
            apart = F.relu(self.margin - d)
        return (same * d.pow(2) + (1 - same) * apart.pow(2)).mean()


branch = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 8)
)
criterion = ContrastiveLoss(MARGIN)
optimizer = torch.optim.Adam(branch.parameters(), lr=1e-3)
for step in range(STEPS):
    left, right, same = pairs(0, 1400, 64)
    distance = F.pairwise_distance(branch(left), branch(right))
    loss = criterion(distance, same)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    left, right, same = pairs(1400, len(x), 1500)
    says_same = F.pairwise_distance(branch(left), branch(right)) < MARGIN / 2
recall = says_same[same == 1].float().mean() + (~says_same[same == 0]).float().mean()
print("balanced accuracy", recall.item() / 2, "coin", 0.5)
