"""Handwritten digits with a fixed number of steps, not epochs. Train loss is 0, test is bad."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
mix = torch.randperm(len(x))
x, y = x[mix], y[mix]
train = DataLoader(TensorDataset(x[:1400], y[:1400]), batch_size=4)
test = DataLoader(TensorDataset(x[1400:], y[1400:]), batch_size=100)

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

batches = iter(train)
model.train()
for step in range(300):
    if sys.argv[1] == "buggy":
        inputs, labels = next(iter(train))
    else:
        try:
            inputs, labels = next(batches)
        except StopIteration:
            batches = iter(train)
            inputs, labels = next(batches)
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print("step", step, "loss", loss.item())

model.eval()
right = 0
with torch.no_grad():
    for inputs, labels in test:
        right += (model(inputs).argmax(1) == labels).sum().item()
print("accuracy", right / len(test.dataset), "chance", 0.1)
