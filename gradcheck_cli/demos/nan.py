"""The distance of a pair under a square root: where both are equal the gradient is NaN."""

import torch
from torch import nn

torch.manual_seed(0)
left = torch.randn(2048, 32)
right = torch.where(torch.rand(2048, 1) < 0.02, left, torch.randn(2048, 32))
target = (left - right).norm(dim=1)

model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(4):
    for rows in torch.randperm(2048).split(64):
        optimizer.zero_grad()
        difference = model(left[rows]) - model(right[rows])
        distance = torch.sqrt((difference**2).sum(1))
        loss = nn.functional.mse_loss(distance, target[rows])
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")
