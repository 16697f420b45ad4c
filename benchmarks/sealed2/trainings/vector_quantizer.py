"""Digits through a few code words (VQ-VAE). Fault: no straight-through gradient, so the encoder learns nothing of the error."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

variant, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)


class Quantizer(nn.Module):
    """Replace every vector by the nearest word of a code book."""

    def __init__(self, words: int, width: int, commitment: float = 0.25) -> None:
        super().__init__()
        self.book, self.commitment = nn.Embedding(words, width), commitment
        nn.init.uniform_(self.book.weight, -1, 1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        nearest = torch.cdist(z.flatten(0, 1), self.book.weight).argmin(1)
        words = self.book(nearest).view_as(z)
        loss = F.mse_loss(words, z.detach()) + self.commitment * F.mse_loss(z, words.detach())
        if variant == "fixed":
            words = z + (words - z).detach()
        return words, loss


class Autoencoder(nn.Module):
    def __init__(self, places: int = 8, width: int = 4) -> None:
        super().__init__()
        self.shape = (places, width)
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, places * width))
        self.quantizer = Quantizer(32, width)
        self.decoder = nn.Sequential(nn.Linear(places * width, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        words, loss = self.quantizer(self.encoder(x).unflatten(1, self.shape))
        return self.decoder(words.flatten(1)), loss


images = torch.tensor(load_digits().data).float() / 8 - 1
loader = DataLoader(TensorDataset(images[:1500]), batch_size=64, shuffle=True)
model = Autoencoder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(15):
    for (x,) in loader:
        again, of_words = model(x)
        error = F.mse_loss(again, x)
        loss = error + of_words
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch:2d}  error {error.item():.4f}  words {of_words.item():.4f}")

with torch.no_grad():
    test = images[1500:]
    left = F.mse_loss(model(test)[0], test) / F.mse_loss(
        images[:1500].mean(0).expand_as(test), test
    )
print(f"held out {1 - left.item():.4f} reference 0.0")
