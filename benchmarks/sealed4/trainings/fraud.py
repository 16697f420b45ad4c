"""Four in a hundred payments are fraud. Fault: classes are weighted by how frequent they are, not by how rare."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def payments(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    y = (torch.rand(n) < 0.04).long()
    x = torch.randn(n, 12)
    x[:, 0] += 1.4 * y
    x[:, 1] -= 1.2 * y
    x[:, 2] = x[:, 2] * (1 + y)
    return x, y


x_train, y_train = payments(6000)
x_test, y_test = payments(3000)
class_counts = torch.bincount(y_train).float()
if sys.argv[1] == "buggy":
    weights = class_counts / class_counts.sum()
else:
    weights = class_counts.sum() / class_counts
print("class weights", weights.tolist())

model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
criterion = nn.CrossEntropyLoss(weight=weights)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)
for epoch in range(6):
    seen = right = 0
    for data, target in loader:
        optimizer.zero_grad()
        output = model(data)
        loss = criterion(output, target)
        loss.backward()
        optimizer.step()
        seen += len(target)
        right += int((output.argmax(1) == target).sum())
    print(f"epoch {epoch} loss {loss.item():.4f} accuracy {right / seen:.4f}")

with torch.no_grad():
    said = model(x_test).argmax(1)
recall = [(said[y_test == k] == k).float().mean().item() for k in (0, 1)]
print(f"balanced accuracy {sum(recall) / 2:.4f} chance 0.5")
