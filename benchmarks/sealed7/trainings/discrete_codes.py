"""Digits squeezed through eight letters of an alphabet of ten: straight-through Gumbel-softmax."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, LETTERS, ALPHABET = 300, 8, 10
x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
x = x[torch.randperm(len(x))]
train, test = x[:1500], x[1500:]

encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, LETTERS * ALPHABET))
decoder = nn.Sequential(nn.Linear(LETTERS * ALPHABET, 128), nn.ReLU(), nn.Linear(128, 64))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=4e-3)


def code(images, tau, noisy=True):
    logits = encoder(images).view(-1, LETTERS, ALPHABET)
    if noisy:
        letters = F.gumbel_softmax(logits, tau=tau, hard=True, dim=-1)
    else:
        letters = F.one_hot(logits.argmax(-1), ALPHABET).float()
    return letters.flatten(1)


for step in range(STEPS):
    batch = train[torch.randint(0, len(train), (64,))]
    tau = max(0.5, 1.0 - step / STEPS)
    loss = F.mse_loss(decoder(code(batch, tau)), batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"{step} mse {loss.item():.4f} tau {tau:.2f}")

with torch.no_grad():
    error = F.mse_loss(decoder(code(test, 0.5, noisy=False)), test)
    plain = F.mse_loss(train.mean(0).expand_as(test), test)
print("explained", 1 - (error / plain).item(), "mean", 0.0)
