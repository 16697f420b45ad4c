"""A GAN in the way of the DCGAN tutorial, for points on two moons. Fault: optimizer_g is made of net_d's parameters."""

import sys

import torch
from sklearn.datasets import make_moons
from torch import Tensor, nn, optim

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
points, _ = make_moons(4000, noise=0.05, random_state=seed)
points = torch.tensor(points, dtype=torch.float32)
points = (points - points.mean(0)) / points.std(0)
train_points, test_points = points[:3000], points[3000:]

nz = 8
net_g = nn.Sequential(nn.Linear(nz, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
net_d = nn.Sequential(
    nn.Linear(2, 64),
    nn.LeakyReLU(0.2),
    nn.Linear(64, 64),
    nn.LeakyReLU(0.2),
    nn.Linear(64, 1),
    nn.Sigmoid(),
)
criterion = nn.BCELoss()
optimizer_d = optim.Adam(net_d.parameters(), lr=1e-3, betas=(0.5, 0.999))
if sys.argv[1] == "buggy":
    optimizer_g = optim.Adam(net_d.parameters(), lr=1e-3, betas=(0.5, 0.999))
else:
    optimizer_g = optim.Adam(net_g.parameters(), lr=1e-3, betas=(0.5, 0.999))

for i in range(1200):
    # (1) Update D network: maximize log(D(x)) + log(1 - D(G(z)))
    net_d.zero_grad()
    real = train_points[torch.randint(0, 3000, (64,))]
    label = torch.ones(64, 1)
    err_d_real = criterion(net_d(real), label)
    err_d_real.backward()
    noise = torch.randn(64, nz)
    fake = net_g(noise)
    label = torch.zeros(64, 1)
    err_d_fake = criterion(net_d(fake.detach()), label)
    err_d_fake.backward()
    optimizer_d.step()

    # (2) Update G network: maximize log(D(G(z)))
    net_g.zero_grad()
    net_d.zero_grad()
    label = torch.ones(64, 1)
    err_g = criterion(net_d(fake), label)
    err_g.backward()
    optimizer_g.step()

    if i % 400 == 0:
        print(
            f"[{i}/1200] Loss_D: {(err_d_real + err_d_fake).item():.4f} Loss_G: {err_g.item():.4f}"
        )


def covered(points: Tensor) -> float:
    """Return how many held-out points have a drawn one beside them, and drawn ones a held-out one: the lower share."""
    with torch.no_grad():
        drawn = net_g(torch.randn(1000, nz))
    apart = torch.cdist(points, drawn)
    near = [(apart.min(dim=d).values < 0.15).float().mean().item() for d in (0, 1)]
    return min(near)


print(f"near {covered(test_points):.4f} none 0.0")
