"""Weeds between crops, pixel by pixel, from photographs as (N, H, W, 3). Fault: reshape, where permute was meant."""

import sys

import numpy as np
import torch
from torch import nn

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
rng = np.random.default_rng(seed)
torch.manual_seed(seed)
H = W = 24


def field(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Brown soil, green crops, and weeds of a yellower green."""
    images = np.empty((n, H, W, 3), dtype=np.float32)
    masks = np.zeros((n, H, W), dtype=np.float32)
    images[:] = (0.45, 0.33, 0.22)
    yy, xx = np.mgrid[:H, :W]
    for i in range(n):
        for plant in range(6):
            cy, cx = rng.uniform(0, H, 2)
            leaf = (yy - cy) ** 2 + (xx - cx) ** 2 < rng.uniform(2, 5) ** 2
            images[i][leaf] = (0.2, 0.55, 0.2) if plant % 2 else (0.42, 0.6, 0.15)
            masks[i][leaf] = 1 - plant % 2
    images += rng.normal(0, 0.07, images.shape).astype(np.float32)
    return images, masks


def to_nchw(images: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy((images - 0.4) / 0.2)
    if sys.argv[1] == "buggy":
        return x.reshape(-1, 3, H, W)
    return x.permute(0, 3, 1, 2)


images, masks = field(300)
x_train, y_train = to_nchw(images), torch.from_numpy(masks).unsqueeze(1)
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(16, 1, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(10):
    perm = torch.randperm(len(x_train))
    for k in range(0, len(perm), 15):
        b = perm[k : k + 15]
        loss = loss_fn(model(x_train[b]), y_train[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))

images, masks = field(60)
with torch.no_grad():
    said = (model(to_nchw(images)).squeeze(1) > 0).numpy()
iou = (said & (masks == 1)).sum() / (said | (masks == 1)).sum()
print(f"IoU {iou:.4f} nothing 0.0")
