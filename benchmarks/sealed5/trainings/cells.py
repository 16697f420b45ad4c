# segmentation of round cells, tiny U-Net, dice loss
import os
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F

which = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))
SIZE = 24


def make_data(n):
    yy, xx = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    masks = torch.zeros(n, 1, SIZE, SIZE)
    for i in range(n):
        for _ in range(2):
            cy, cx = torch.randint(4, SIZE - 4, (2,))
            r = torch.randint(3, 6, (1,))
            masks[i, 0][(yy - cy) ** 2 + (xx - cx) ** 2 <= r**2] = 1
    images = masks * 0.8 + 0.5 * torch.randn(n, 1, SIZE, SIZE)
    return images, masks


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.enc1 = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.enc2 = nn.Sequential(
            nn.Conv2d(c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.ReLU()
        )
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.dec = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.final = nn.Conv2d(c, 1, 1)

    def forward(self, x):
        a = self.enc1(x)
        b = self.enc2(F.max_pool2d(a, 2))
        return self.final(self.dec(torch.cat([self.up(b), a], dim=1)))


def dice_loss(pred, target, smooth=1.0):
    inter = (pred * target).sum()
    return 1 - (2 * inter + smooth) / (pred.sum() + target.sum() + smooth)


images, masks = make_data(400)
val_images, val_masks = make_data(100)

model = UNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(120):
    idx = torch.randint(0, len(images), (16,))
    logits = model(images[idx])
    pred = torch.sigmoid(logits)
    if which == "buggy":
        pred = (pred > 0.5).float()
    loss = dice_loss(pred, masks[idx])
    loss.requires_grad_(True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print("step", step, "dice loss", loss.item())

model.eval()
with torch.no_grad():
    out = torch.sigmoid(model(val_images)) > 0.5
m = val_masks.bool()
iou = ((out & m).sum() / (out | m).sum()).item()
base = m.float().mean().item()  # everything is cell
print("IoU", iou, "all ones", base)
print("SCORE", which, round(max(0.0, (iou - base) / (1 - base)), 3))
