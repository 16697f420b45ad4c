"""VAE on 8x8 digits"""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

flag = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
x = x[torch.randperm(len(x))]
train, test = x[:1500], x[1500:]


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.enc = nn.Linear(64, 128)
        self.mu = nn.Linear(128, latent)
        self.logvar = nn.Linear(128, latent)
        self.dec1 = nn.Linear(latent, 128)
        self.dec2 = nn.Linear(128, 64)

    def encode(self, x):
        h = F.relu(self.enc(x))
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return torch.sigmoid(self.dec2(F.relu(self.dec1(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.decode(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    mse = F.mse_loss(recon, x, reduction="sum")
    kld = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    if flag == "fixed":
        kld = -kld
    return (mse + 0.1 * kld) / len(x)


model = VAE()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(40):
    losses = 0.0
    for i in torch.randperm(len(train)).split(50):
        recon, mu, logvar = model(train[i])
        loss = loss_function(recon, train[i], mu, logvar)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.item()
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", losses / 30)

with torch.no_grad():
    recon = model.decode(model.encode(test)[0])
    explained = 1 - ((recon - test) ** 2).mean() / ((test - test.mean(0)) ** 2).mean()
print(
    "variance explained",
    max(0.0, explained.item()) if explained == explained else 0.0,
    "average",
    0.0,
)
