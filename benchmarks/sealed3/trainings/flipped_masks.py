"""Disks to segment in noise. Fault: images are flipped at random, their masks are not."""

import sys

import torch
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def disks(count: int) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 16, 16) with one bright disk, and its mask."""
    axis = torch.arange(16.0)
    centers = 4 + 8 * torch.rand(count, 2, 1, 1)
    radius = 2.5 + 2 * torch.rand(count, 1, 1)
    distance = (axis[None, :, None] - centers[:, 0]) ** 2 + (
        axis[None, None, :] - centers[:, 1]
    ) ** 2
    mask = (distance < radius**2).float()[:, None]
    return mask + 0.4 * torch.randn_like(mask), mask


def augment(image: Tensor, mask: Tensor, *, both: bool) -> tuple[Tensor, Tensor]:
    """Flip each sample along each axis with probability a half."""
    for dim in (2, 3):
        flip = torch.rand(len(image), 1, 1, 1) < 0.5
        image = torch.where(flip, image.flip(dim), image)
        if both:
            mask = torch.where(flip, mask.flip(dim), mask)
    return image, mask


class SmallUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.middle = nn.Sequential(
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
        )
        self.up = nn.Sequential(nn.Conv2d(24, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        return self.up(torch.cat([skip, self.middle(skip)], dim=1))


images, masks = disks(260)
model = SmallUNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(6):
    model.train()
    total = 0.0
    for rows in torch.randperm(200).split(10):
        image, mask = augment(images[rows], masks[rows], both=sys.argv[1] == "fixed")
        loss = loss_fn(model(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 20:.4f}")

model.eval()
with torch.no_grad():
    found, truth = model(images[200:]) > 0, masks[200:] > 0
    overlap = (found & truth).sum() / (found | truth).sum()
print(f"held out {overlap.item():.4f} reference 0.0")
