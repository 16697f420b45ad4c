"""Two noisy views of a digit are brought together by InfoNCE. Fault: similarities times the temperature."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
TEMPERATURE = 0.05
scale = TEMPERATURE if sys.argv[1] == "buggy" else 1 / TEMPERATURE

images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
images = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(0))]
train, test = images[:1400], images[1400:1440]


def view(x: Tensor) -> Tensor:
    """A quarter of the pixels is dropped, the rest is a little noisy."""
    return x * (torch.rand_like(x) < 0.75) + 0.05 * torch.randn_like(x)


encoder = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 32)
)
optimizer = torch.optim.RMSprop(encoder.parameters(), lr=1e-3)
for epoch in range(20):
    total = 0.0
    for rows in torch.randperm(len(train)).split(100):
        a = nn.functional.normalize(encoder(view(train[rows])), dim=1)
        b = nn.functional.normalize(encoder(view(train[rows])), dim=1)
        logits = a @ b.T * scale
        loss = nn.functional.cross_entropy(logits, torch.arange(len(rows)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 14:.4f}")

with torch.no_grad():
    a = nn.functional.normalize(encoder(view(test)), dim=1)
    b = nn.functional.normalize(encoder(view(test)), dim=1)
    right = ((a @ b.T).argmax(1) == torch.arange(len(test))).float().mean().item()
print(f"held out {right:.4f} reference 0.025")
