"""Contrastive learning of digits by two noisy views. Fault: the views of a pair are of different digits."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
images = torch.tensor(load_digits().data).float() / 8 - 1


def view(x: Tensor) -> Tensor:
    return (x + 0.5 * torch.randn_like(x)) * (torch.rand_like(x) > 0.25)


model = nn.Sequential(
    nn.Linear(64, 128),
    nn.BatchNorm1d(128),
    nn.ReLU(),
    nn.Linear(128, 128),
    nn.ReLU(),
    nn.Linear(128, 32),
)


def similarities(a: Tensor, b: Tensor) -> Tensor:
    return F.normalize(model(a), dim=1) @ F.normalize(model(b), dim=1).T / 0.1


optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
model.train()
for _ in range(500):
    x = images[torch.randint(1500, (128,))]
    other = x[torch.randperm(128)] if fault == "pairs" else x
    logits = similarities(view(x), view(other))
    own = torch.arange(128)
    loss = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

model.eval()
with torch.no_grad():
    test = images[1500:]
    ranks = similarities(view(test), view(test)).topk(5, dim=1).indices
    found = (ranks == torch.arange(len(test))[:, None]).any(1).float().mean().item()
print(f"held out {found:.4f} reference {5 / len(test):.4f}")
