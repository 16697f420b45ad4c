"""StackOverflow 60335387: `zero_grad` is never called, so the gradients add up."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from workshop import digits, options, tell

which, _ = options()
data = digits()

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10),
)  # fmt: skip
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for _ in range(8):
    for x, y in DataLoader(TensorDataset(data.x, data.y), 30, shuffle=True):
        if which == "fixed":
            optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
tell(model, data)
