"""Same hand or not: a shared encoder and F.cosine_embedding_loss on pairs of pictures."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
steps = 300

images, label = load_digits(return_X_y=True)
images = torch.tensor(images, dtype=torch.float32) / 16
label = torch.tensor(label)
order = torch.randperm(len(images))
images, label = images[order], label[order]


def pairs(low, high, n):
    a = torch.randint(low, high, (n,))
    b = torch.randint(low, high, (n,))
    twin = torch.rand(n) < 0.5
    for k in torch.nonzero(twin).flatten().tolist():
        alike = torch.nonzero(label[low:high] == label[a[k]]).flatten() + low
        b[k] = alike[torch.randint(len(alike), (1,))]
    return a, b, label[a] == label[b]


encoder = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 16)
)
optimizer = torch.optim.Adam(encoder.parameters(), lr=2e-3)
for step in range(steps):
    a, b, same = pairs(0, 1300, 64)
    target = same.float() if sys.argv[1] == "buggy" else same.float() * 2 - 1
    loss = F.cosine_embedding_loss(encoder(images[a]), encoder(images[b]), target, margin=0.2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"{step:4d} {loss.item():.4f}")

with torch.no_grad():
    a, b, same = pairs(1300, len(images), 1500)
    alike = F.cosine_similarity(encoder(images[a]), encoder(images[b])) > 0.6
right = 0.5 * (alike[same].float().mean() + (~alike[~same]).float().mean())
print("balanced accuracy of pairs", right.item(), "coin", 0.5)
