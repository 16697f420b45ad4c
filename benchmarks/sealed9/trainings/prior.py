"""Deep image prior (Ulyanov et al. 2018): fit one half-erased image from one fixed noise tensor."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
ITERATIONS, SIZE, CHANNELS = 250, 24, 16

ticks = torch.linspace(-1, 1, SIZE)
yy, xx = torch.meshgrid(ticks, ticks, indexing="ij")
picture = torch.stack(
    [
        0.5 + 0.4 * torch.sin(3 * xx + 2 * yy),
        (xx**2 + yy**2 < 0.5).float() * 0.8 + 0.1,
        0.5 + 0.4 * torch.cos(4 * yy),
    ]
).unsqueeze(0)
seen = (torch.rand(1, 1, SIZE, SIZE) < 0.5).float()
observed = picture * seen


def block(n_in, n_out, stride=1):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, padding_mode="reflect"),
        nn.BatchNorm2d(n_out),
        nn.LeakyReLU(0.2),
    )


class Hourglass(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            block(8, CHANNELS, stride=2),
            block(CHANNELS, CHANNELS),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            block(CHANNELS, CHANNELS),
            nn.Conv2d(CHANNELS, 3, 1),
            nn.Sigmoid(),
        )

    def forward(self, z):
        return self.net(z)


net = Hourglass()
z = 0.1 * torch.rand(1, 8, SIZE, SIZE)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for i in range(ITERATIONS):
    out = net(z + 0.01 * torch.randn_like(z))
    loss = ((out - observed) * seen).pow(2).sum() / seen.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 50 == 0:
        print(f"iteration {i} loss {loss.item():.5f}")

with torch.no_grad():
    hidden = (1 - seen).expand_as(picture) > 0
    out, truth = net(z)[hidden], picture[hidden]
r2 = 1 - (out - truth).pow(2).mean() / truth.var()
print("R2 of the erased pixels", r2.item(), "mean", 0.0)
