"""Finding the one parcel in a picture: box regression with an IoU loss. The loss does not move from 1.0."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

buggy = sys.argv[1] == "buggy"
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Parcels(Dataset):
    def __init__(self, n, size=24):
        self.images, self.boxes = 0.1 * torch.randn(n, 1, size, size), torch.zeros(n, 4)
        for i in range(n):
            w, h = torch.randint(6, 13, (2,)).tolist()
            x, y = int(torch.randint(0, size - w, (1,))), int(torch.randint(0, size - h, (1,)))
            self.images[i, 0, y : y + h, x : x + w] += 1
            self.boxes[i] = torch.tensor([x, y, x + w, y + h]) / size

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.boxes[i]


def overlaps(a, b):
    top_left, bottom_right = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inter = (bottom_right - top_left).clamp(min=0).prod(1)
    area_a, area_b = (a[:, 2:] - a[:, :2]).clamp(min=0).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    union = area_a + area_b - inter
    return inter / (union + 1e-6)


def box_loss(predicted, target):
    if buggy:
        return (1 - overlaps(predicted, target)).mean()
    return nn.functional.smooth_l1_loss(predicted, target, beta=0.1)


model = nn.Sequential(
    nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(),
    nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
    nn.Flatten(), nn.Linear(16 * 36, 64), nn.ReLU(), nn.Linear(64, 4),
)  # fmt: skip
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loader = DataLoader(Parcels(640), batch_size=32, shuffle=True)
for epoch in range(14):
    for image, box in loader:
        loss = box_loss(model(image), box)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

held = Parcels(200)
with torch.no_grad():
    iou = overlaps(model(held.images), held.boxes).mean().item()
    constant = overlaps(held.boxes.mean(0).expand(200, 4), held.boxes).mean().item()
print("mean IoU", iou, "constant", constant)
