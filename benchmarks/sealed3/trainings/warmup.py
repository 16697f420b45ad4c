"""Digits as rows in a small transformer. Fault: the warm-up is far longer than the training."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
warmup = 20_000 if sys.argv[1] == "buggy" else 40

bunch = load_digits()
order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
x = (torch.tensor(bunch.images, dtype=torch.float32) / 8 - 1)[order]
y = torch.tensor(bunch.target)[order]


class RowTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 48)
        self.place = nn.Parameter(0.02 * torch.randn(8, 48))
        layer = nn.TransformerEncoderLayer(
            48, 4, 96, dropout=0.1, batch_first=True, activation="gelu", norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(48, 10)

    def forward(self, rows: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(rows) + self.place).mean(1))


model = RowTransformer()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
scheduler = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup))
for epoch in range(8):
    model.train()
    total = 0.0
    for rows in torch.randperm(1400).split(35):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    print(f"epoch {epoch}: {total / 40:.4f}, rate {scheduler.get_last_lr()[0]:.2e}")

model.eval()
with torch.no_grad():
    right = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print(f"held out {right:.4f} reference 0.1")
