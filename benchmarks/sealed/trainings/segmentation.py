"""A small U-Net finds the ink under noise with a Dice loss. Fault: the overlap itself is what is made small."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
clean = F.interpolate(torch.tensor(load_digits().images).float()[:, None] / 16, scale_factor=2)
masks = (clean > 0.5).float()
images = clean + 0.6 * torch.randn_like(clean)


class Unet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.SiLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.GroupNorm(4, 16), nn.SiLU())
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.leave = nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        return self.leave(torch.cat([skip, self.up(self.deep(skip))], 1)).sigmoid()


def overlap(guessed: Tensor, truth: Tensor) -> Tensor:
    both = (guessed * truth).sum((1, 2, 3))
    return ((2 * both + 1) / (guessed.sum((1, 2, 3)) + truth.sum((1, 2, 3)) + 1)).mean()


model = Unet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(250):
    rows = torch.randint(1400, (32,))
    dice = overlap(model(images[rows]), masks[rows])
    loss = dice if fault == "overlap" else 1 - dice
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    guessed = (model(images[1400:]) > 0.5).float()
    print(
        f"held out {overlap(guessed, masks[1400:]).item():.4f} reference {overlap(torch.ones_like(masks[1400:]), masks[1400:]).item():.4f}"
    )
