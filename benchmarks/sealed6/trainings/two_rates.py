# encoder gets a smaller rate than the classifier on top of it
import sys

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

run = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

raw = load_digits()
data = torch.tensor(raw.data, dtype=torch.float32)
data = (data - data.mean(0)) / (data.std(0) + 1e-6)
target = torch.tensor(raw.target)
shuffled = torch.randperm(len(data))
data, target = data[shuffled], target[shuffled]
loader = DataLoader(TensorDataset(data[:1400], target[:1400]), batch_size=32, shuffle=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 4))
        self.classifier = nn.Sequential(nn.Linear(4, 48), nn.ReLU(), nn.Linear(48, 10))

    def forward(self, x):
        return self.classifier(self.encoder(x))


model = Model()
lr = 0.01
encoder_lr = lr // 10 if run == "buggy" else lr / 10
optimizer = torch.optim.Adam(
    [
        {"params": model.encoder.parameters(), "lr": encoder_lr},
        {"params": model.classifier.parameters(), "lr": lr},
    ]
)
loss_func = nn.CrossEntropyLoss()
for epoch in range(20):
    correct = 0
    for xb, yb in loader:
        logits = model(xb)
        loss = loss_func(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        correct += (logits.argmax(1) == yb).sum().item()
    print(f"epoch {epoch:2d} train accuracy {correct / 1400:.3f}")

with torch.no_grad():
    acc = (model(data[1400:]).argmax(1) == target[1400:]).float().mean().item()
print("test accuracy", acc, "chance", 0.1)
