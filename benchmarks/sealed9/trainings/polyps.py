"""Binary segmentation with a small U-Net. The loss is constant and the mask is white everywhere."""

import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

version = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)


class Polyps(Dataset):
    def __init__(self, n, size=16):
        ys, xs = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        cy, cx = (torch.randint(3, size - 3, (n, 1, 1)) for _ in range(2))
        r = 2 + 2.5 * torch.rand(n, 1, 1)
        self.masks = ((ys - cy) ** 2 + (xs - cx) ** 2 < r**2).float().unsqueeze(1)
        self.images = 0.8 * self.masks + 0.5 * torch.randn(n, 1, size, size)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i], self.masks[i]


def double_conv(a, b):
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1),
        nn.BatchNorm2d(b),
        nn.ReLU(),
        nn.Conv2d(b, b, 3, padding=1),
        nn.BatchNorm2d(b),
        nn.ReLU(),
    )


class UNet(nn.Module):
    def __init__(self, n_classes=1):
        super().__init__()
        self.down1, self.down2 = double_conv(1, 8), double_conv(8, 16)
        self.pool, self.up = nn.MaxPool2d(2), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.dec, self.outc = double_conv(16, 8), nn.Conv2d(8, n_classes, 1)
        self.final = nn.Softmax(dim=1) if version == "buggy" else nn.Sigmoid()

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        return self.final(self.outc(self.dec(torch.cat([self.up(b), a], dim=1))))


train, test = Polyps(480), Polyps(120)
net = UNet()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
criterion = nn.BCELoss()
for epoch in range(6):
    net.train()
    for image, mask in DataLoader(train, batch_size=16, shuffle=True):
        loss = criterion(net(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}")

net.eval()
with torch.no_grad():
    out = net(test.images) > 0.5
truth = test.masks.bool()
iou = ((out & truth).sum() / (out | truth).sum()).item()
print("IoU", iou, "white", truth.float().mean().item())
