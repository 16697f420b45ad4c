# VAE on the sklearn digits
import os
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

way = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

x = torch.tensor(load_digits().data, dtype=torch.float32) / 8 - 1
x = x[torch.randperm(len(x))]
x_train, x_test = x[:1400], x[1400:]


class VAE(nn.Module):
    def __init__(self, latent=10):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 128), nn.ReLU())
        self.mu = nn.Linear(128, latent)
        self.logvar = nn.Linear(128, latent)
        self.dec = nn.Sequential(nn.Linear(latent, 128), nn.ReLU(), nn.Linear(128, 64), nn.Tanh())

    def forward(self, x):
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        return self.dec(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    if way == "buggy":
        rec = F.mse_loss(recon, x)
    else:
        rec = F.mse_loss(recon, x, reduction="sum") / len(x)
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp()) / len(x)
    return rec + kld, rec, kld


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(25):
    for b in torch.randperm(len(x_train)).split(64):
        recon, mu, logvar = model(x_train[b])
        loss, rec, kld = loss_function(recon, x_train[b], mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 0:
        print(f"epoch {epoch} loss {loss.item():.3f} rec {rec.item():.3f} kld {kld.item():.4f}")

model.eval()
with torch.no_grad():
    recon = model.dec(model.mu(model.enc(x_test)))
    mse = ((recon - x_test) ** 2).mean()
    var = ((x_test - x_train.mean(0)) ** 2).mean()
print("reconstruction error", mse.item(), "variance", var.item())
print("SCORE", way, round(max(0.0, 1 - (mse / var).item()), 3))
