"""A deep network of sigmoids: the loss stands still, and nothing crashes."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(2048, 32)
labels = (inputs @ torch.randn(32, 8)).argmax(1)
batches = DataLoader(TensorDataset(inputs, labels), batch_size=64, shuffle=True)

layers = []
for _ in range(10):
    layers += [nn.Linear(32, 32), nn.Sigmoid()]
model = nn.Sequential(*layers, nn.Linear(32, 8))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(8):
    for batch, truth in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), truth)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")
