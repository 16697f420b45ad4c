"""One-cycle policy on digits. 'max_lr' is from a blog post about SGD with ResNets."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 6
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
i = torch.randperm(len(x))
x, y = x[i], y[i]
loader = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=35, shuffle=True)

model = nn.Sequential(
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 10),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = OneCycleLR(
    optimizer,
    max_lr=3.0 if sys.argv[1] == "buggy" else 0.01,
    epochs=EPOCHS,
    steps_per_epoch=len(loader),
)
criterion = nn.CrossEntropyLoss()
for epoch in range(EPOCHS):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(epoch, loss.item(), scheduler.get_last_lr())

with torch.no_grad():
    acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
