"""accelerate: prepared model, optimizer and loader, accumulation."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
model = nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
x = torch.randn(256, 8)
data = TensorDataset(x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long())
model, optimizer, loader = accelerator.prepare(model, optimizer, DataLoader(data, 16, shuffle=True))
for _ in range(4):
    for a, b in loader:
        with accelerator.accumulate(model):
            loss = nn.functional.cross_entropy(model(a), b)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
print(f"{sum(p.double().sum().item() for p in model.parameters()):.12f}")
