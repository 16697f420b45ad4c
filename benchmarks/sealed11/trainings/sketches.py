"""VAE on digits. All samples and all reconstructions are the same grey average."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
x = x[torch.randperm(len(x))]
train, test = x[:1500], x[1500:]


class VAE(nn.Module):
    def __init__(self, latent=12):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
        self.mu, self.logvar = nn.Linear(128, latent), nn.Linear(128, latent)
        self.dec = nn.Sequential(nn.Linear(latent, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return torch.sigmoid(self.dec(z)), mu, logvar


def vae_loss(recon, x, mu, logvar):
    if version == "buggy":
        bce = F.binary_cross_entropy(recon, x)
    else:
        bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


vae = VAE()
optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
for epoch in range(12):
    vae.train()
    for i in torch.randperm(1500).split(64):
        optimizer.zero_grad()
        recon, mu, logvar = vae(train[i])
        loss = vae_loss(recon, train[i], mu, logvar)
        loss.backward()
        optimizer.step()
    print("epoch", epoch, "loss", loss.item())

vae.eval()
with torch.no_grad():
    rebuilt = vae(test)[0]
r2 = 1 - ((rebuilt - test) ** 2).sum() / ((test - train.mean(0)) ** 2).sum()
print("R2", r2.item(), "mean", 0.0)
