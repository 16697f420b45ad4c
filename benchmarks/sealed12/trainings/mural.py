"""An image as a function of its coordinates (Fourier features and an MLP). Missing pixels are to be filled in."""

import math
import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
HEIGHT, WIDTH = 28, 44


def paint():
    image = torch.zeros(HEIGHT, WIDTH)
    rows, cols = torch.arange(HEIGHT).float().unsqueeze(1), torch.arange(WIDTH).float().unsqueeze(0)
    for _ in range(12):
        r, c, size = torch.rand(1) * HEIGHT, torch.rand(1) * WIDTH, 2.5 + 3 * torch.rand(1)
        image += torch.randn(1) * torch.exp(-((rows - r) ** 2 + (cols - c) ** 2) / (2 * size**2))
    return (image - image.mean()) / image.std()


class FourierMLP(nn.Module):
    def __init__(self, n_features=32, scale=1.0, width=64):
        super().__init__()
        self.register_buffer("B", scale * torch.randn(2, n_features))
        self.net = nn.Sequential(
            nn.Linear(2 * n_features, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
        )

    def forward(self, xy):
        angle = 2 * math.pi * xy @ self.B
        return self.net(torch.cat([angle.sin(), angle.cos()], -1))


image = paint()
xs, ys = torch.linspace(0, 1, WIDTH), torch.linspace(0, 1, HEIGHT)
grid_x, grid_y = torch.meshgrid(xs, ys, indexing="ij" if version == "buggy" else "xy")
coords = torch.stack([grid_x.flatten(), grid_y.flatten()], 1)
pixels = image.flatten().unsqueeze(1)

known = torch.rand(len(pixels)) < 0.7
coords_train, pixels_train = coords[known], pixels[known]
model = FourierMLP()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for it in range(250):
    batch = torch.randint(0, len(pixels_train), (128,))
    loss = nn.functional.mse_loss(model(coords_train[batch]), pixels_train[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 50 == 0:
        print(it, loss.item())

with torch.no_grad():
    error = nn.functional.mse_loss(model(coords[~known]), pixels[~known]) / pixels[~known].var()
print("R2", max(0.0, 1 - error.item()), "mean", 0.0)
