"""A deep autoencoder as in Hinton & Salakhutdinov: digits to six numbers and back."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

data = torch.tensor(load_digits().data / 16, dtype=torch.float32)
data = data[torch.randperm(len(data))]
train, test = data[:1500], data[1500:]

sizes = [64, 56, 48, 32, 16, 8]
activation = nn.Sigmoid if version == "buggy" else nn.ELU


def stack(sizes, last):
    layers = []
    for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:])):
        layers.append(nn.Linear(a, b))
        if i < len(sizes) - 2 or not last:
            layers.append(activation())
    return nn.Sequential(*layers)


encoder = stack(sizes, last=False)
decoder = stack(sizes[::-1], last=True)
autoencoder = nn.Sequential(encoder, decoder)
mse = nn.MSELoss()
opt = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)

for step in range(300):
    batch = train[torch.randint(0, len(train), (64,))]
    reconstruction = autoencoder(batch)
    loss = mse(reconstruction, batch)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if (step + 1) % 50 == 0:
        print(f"[{step + 1:3d}] reconstruction error {loss.item():.4f}")

with torch.no_grad():
    error = (autoencoder(test) - test).pow(2).mean()
    r2 = 1 - error / (test - train.mean(0)).pow(2).mean()
print("R2", r2.item(), "mean", 0.0)
