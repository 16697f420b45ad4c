"""A variational autoencoder of digits. Fault: the divergence counts a hundredfold, so nothing is encoded."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
images = torch.tensor(load_digits().data).float() / 16


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 2 * 8))
        self.decoder = nn.Sequential(nn.Linear(8, 128), nn.GELU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        return self.decoder(z).sigmoid(), mean, logvar


weight = 100.0 if fault == "divergence" else 1.0
model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for _ in range(20):
    for (x,) in DataLoader(TensorDataset(images[:1500]), 64, shuffle=True):
        again, mean, logvar = model(x)
        reconstruction = F.binary_cross_entropy(again, x, reduction="sum") / len(x)
        divergence = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(1).mean()
        loss = reconstruction + weight * divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    test = images[1500:]
    again, _, _ = model(test)
    print(
        f"held out {1 - ((again - test) ** 2).sum().item() / ((test - test.mean(0)) ** 2).sum().item():.4f} reference 0.0"
    )
