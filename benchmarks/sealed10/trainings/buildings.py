"""A small U-Net finds buildings in aerial photos."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
S = 24


def tiles(n):
    images, masks = 0.5 * torch.randn(n, 1, S, S), torch.zeros(n, 1, S, S)
    for image, mask in zip(images, masks):
        for _ in range(2):
            r, c = torch.randint(0, S - 8, (2,)).tolist()
            h, w = torch.randint(5, 9, (2,)).tolist()
            mask[0, r : r + h, c : c + w] = 1.0
        image += 0.8 * mask
    return images, masks


def double_conv(a, b):
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.Conv2d(b, b, 3, padding=1), nn.ReLU()
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.bottom, self.up = double_conv(1, 8), double_conv(8, 16), double_conv(24, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.down(x)
        b = F.interpolate(self.bottom(F.max_pool2d(a, 2)), scale_factor=2)
        return self.out(self.up(torch.cat([a, b], 1)))


def iou(logits, masks):
    guess, truth = logits > 0, masks > 0.5
    return ((guess & truth).sum() / (guess | truth).sum()).item()


images, masks = tiles(400)
net = UNet()
lr = 1e-4 if version == "buggy" else 0.1
optimizer = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9)
for step in range(150):
    i = torch.randint(0, 400, (16,))
    loss = F.binary_cross_entropy_with_logits(net(images[i]), masks[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print(f"step {step} loss {loss.item():.4f}")
images, masks = tiles(100)
with torch.no_grad():
    print("IoU", iou(net(images), masks), "everything", iou(torch.ones_like(masks), masks))
