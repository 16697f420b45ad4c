"""Key point regression: a heat map says where, a small head refines to less than a pixel."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version")
parser.add_argument("seed", type=int, default=0, nargs="?")
args = parser.parse_args()
torch.manual_seed(args.seed)
SIZE, ITERATIONS = 16, 200


def frames(n):
    tip = 1 + (SIZE - 3) * torch.rand(n, 2)
    ticks = torch.arange(SIZE).float()
    blob = torch.exp(
        -((ticks[None, :, None] - tip[:, 1, None, None]) ** 2) / 2
        - (ticks[None, None, :] - tip[:, 0, None, None]) ** 2 / 2
    )
    decoy = torch.zeros(n, SIZE, SIZE)
    for _ in range(4):
        decoy[torch.arange(n), torch.randint(0, SIZE, (n,)), torch.randint(0, SIZE, (n,))] = 2.0
    return (blob + decoy + 0.1 * torch.randn(n, SIZE, SIZE)).unsqueeze(1), tip


class KeypointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.heat = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 1, 3, padding=1)
        )
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU())
        self.refine = nn.Linear(16, 2)

    def forward(self, image):
        scores = self.heat(image).flatten(1)
        if args.version == "buggy":
            weights = F.one_hot(scores.argmax(1), SIZE * SIZE).float()
        else:
            weights = F.softmax(scores, dim=1)
        cell = torch.arange(SIZE * SIZE)
        xy = torch.stack([cell % SIZE, cell // SIZE], dim=1).float()
        local = torch.einsum("nk,nck->nc", weights, self.features(image).flatten(2))
        return weights @ xy + self.refine(local)


net = KeypointNet()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
for i in range(ITERATIONS):
    image, tip = frames(32)
    loss = F.smooth_l1_loss(net(image), tip)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 50 == 0:
        print(f"{i:4d} {loss.item():.4f}")

with torch.no_grad():
    image, tip = frames(500)
    r2 = 1 - ((net(image) - tip) ** 2).mean() / tip.var(0).mean()
print("R2", r2.item(), "mean", 0.0)
