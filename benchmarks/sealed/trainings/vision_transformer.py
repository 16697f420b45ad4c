"""A small vision transformer, four batches to an update. Fault: gradients are clipped to a norm of 1e-4 under SGD."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

fault, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
bunch = load_digits()
x, y = torch.tensor(bunch.images).float() / 8 - 1, torch.tensor(bunch.target)
patches = x.unfold(1, 2, 2).unfold(2, 2, 2).flatten(3).flatten(1, 2)  # 16 of 4 pixels


class Vit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter, self.places = nn.Linear(4, 32), nn.Parameter(0.02 * torch.randn(16, 32))
        layer = nn.TransformerEncoderLayer(
            32, 4, 64, dropout=0.1, batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.enter(x) + self.places).mean(1))


model = Vit()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
limit = 1e-4 if fault == "clipped" else 1.0
model.train()
for _ in range(200):
    optimizer.zero_grad()
    for _ in range(4):
        rows = torch.randint(1400, (16,))
        loss = F.cross_entropy(model(patches[rows]), y[rows]) / 4
        loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), limit)
    optimizer.step()

model.eval()
with torch.no_grad():
    right = (model(patches[1400:]).argmax(1) == y[1400:]).float().mean().item()
print(f"held out {right:.4f} reference 0.1")
