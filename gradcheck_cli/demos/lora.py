"""A LoRA whose two matrices both start at zero: neither ever gets a gradient."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(2048, 32)
labels = (inputs @ torch.randn(32, 8)).argmax(1)
batches = DataLoader(TensorDataset(inputs, labels), batch_size=64, shuffle=True)


class LoRA(nn.Module):
    """A frozen layer and a low-rank change of it, which is trained."""

    def __init__(self, layer: nn.Linear, rank: int = 4) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.down = nn.Parameter(torch.zeros(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the frozen layer's output plus the change."""
        out: torch.Tensor = self.layer(x) + x @ self.down.T @ self.up.T
        return out


model = nn.Sequential(LoRA(nn.Linear(32, 64)), nn.ReLU(), LoRA(nn.Linear(64, 8)))
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)

for epoch in range(4):
    for batch, truth in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), truth)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")
