"""Lesion segmentation, 0 is background and 1 is lesion. It marks everything as lesion."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def scan(n, size=20):
    grid = torch.stack(torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij"))
    image, mask = torch.randn(n, 1, size, size) * 0.4, torch.zeros(n, size, size, dtype=torch.long)
    for k in range(n):
        centre, radius = torch.randint(4, size - 4, (2, 1, 1)), 2 + 3 * torch.rand(1)
        inside = ((grid - centre) ** 2).sum(0) < radius**2
        mask[k][inside] = 1
        image[k, 0][inside] += 0.8
    return image, mask


class UNet(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU())
        self.pool = nn.MaxPool2d(2)
        self.down2 = nn.Sequential(
            nn.Conv2d(c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.ReLU()
        )
        self.up = nn.ConvTranspose2d(2 * c, c, 2, stride=2)
        self.last = nn.Sequential(nn.Conv2d(2 * c, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, 2, 1))

    def forward(self, x):
        a = self.down1(x)
        b = self.up(self.down2(self.pool(a)))
        return self.last(torch.cat([a, b], dim=1))


class Trainer:
    def __init__(self, model, criterion, lr):
        self.model, self.criterion = model, criterion
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            self.model.train()
            for i in torch.randperm(len(x)).split(16):
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x[i]), y[i])
                loss.backward()
                self.optimizer.step()
            print(f"[{epoch + 1}/{epochs}] loss={loss.item():.4f}")

    @torch.no_grad()
    def dice(self, x, y):
        self.model.eval()
        found = self.model(x).argmax(1)
        return (2 * (found * y).sum() / (found.sum() + y.sum())).item()


x, y = scan(320)
x_test, y_test = scan(80)
criterion = nn.CrossEntropyLoss(ignore_index=0 if sys.argv[1] == "buggy" else -100)
trainer = Trainer(UNet(), criterion, 3e-3)
trainer.fit(x, y, 10)
every = (2 * y_test.sum() / (y_test.numel() + y_test.sum())).item()
print("Dice", trainer.dice(x_test, y_test), "everything", every)
