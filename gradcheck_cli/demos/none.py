"""An encoder whose output is detached: its gradients are None."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(2048, 32)
labels = (inputs @ torch.randn(32, 8)).argmax(1)
batches = DataLoader(TensorDataset(inputs, labels), batch_size=64, shuffle=True)

encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16), nn.ReLU())
head = nn.Linear(16, 8)
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-3)

for epoch in range(4):
    for batch, truth in batches:
        optimizer.zero_grad()
        features = encoder(batch).detach()
        loss = nn.functional.cross_entropy(head(features), truth)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")
