"""Which of two photographs is a patch from? Fault: pixels are divided by 255 and made whole numbers again."""

# %% pictures: patches from the left are for training, from the right for the test
import sys

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_sample_images
from torch import nn

variant, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
rng = np.random.default_rng(seed)
torch.manual_seed(seed)


def patches(image: np.ndarray, first: int, last: int, count: int) -> np.ndarray:
    rows = rng.integers(0, image.shape[0] - 12, count)
    columns = rng.integers(first, last - 12, count)
    return np.stack([image[r : r + 12, c : c + 12] for r, c in zip(rows, columns, strict=True)])


temple, flower = load_sample_images().images
train_x = np.concatenate([patches(temple, 0, 420, 1500), patches(flower, 0, 420, 1500)])
test_x = np.concatenate([patches(temple, 420, 640, 500), patches(flower, 420, 640, 500)])
train_y, test_y = np.repeat([0, 1], 1500), np.repeat([0, 1], 500)

# %% scale to 0..1
kind = np.uint8 if variant == "buggy" else np.float32
train_x = (train_x / 255).astype(kind)
test_x = (test_x / 255).astype(kind)


def to_tensor(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(x).permute(0, 3, 1, 2).float()


train_x, test_x = to_tensor(train_x), to_tensor(test_x)
train_y, test_y = torch.from_numpy(train_y), torch.from_numpy(test_y)

# %% network
net = nn.Sequential(
    nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(32, 2),
)  # fmt: skip
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)

# %% train
net.train()
for epoch in range(4):
    for rows in torch.randperm(len(train_x)).split(64):
        loss = F.cross_entropy(net(train_x[rows]), train_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())

# %% test
net.eval()
with torch.inference_mode():
    accuracy = (net(test_x).argmax(1) == test_y).float().mean().item()
print(f"held out {accuracy:.4f} reference 0.5")
