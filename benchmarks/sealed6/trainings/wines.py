# MLP with batch norm, small batches
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
MOMENTUM = 0.99 if sys.argv[1] == "buggy" else 0.01

X, y = make_classification(
    n_samples=1202,
    n_features=20,
    n_informative=10,
    n_classes=4,
    class_sep=1.8,
    flip_y=0.0,
    random_state=3,
)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y)
train_loader = DataLoader(TensorDataset(X[:802], y[:802]), batch_size=16, shuffle=True)
X_val, y_val = X[802:], y[802:]


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(20, 64)
        self.bn1 = nn.BatchNorm1d(64, momentum=MOMENTUM)
        self.fc2 = nn.Linear(64, 64)
        self.bn2 = nn.BatchNorm1d(64, momentum=MOMENTUM)
        self.fc3 = nn.Linear(64, 4)

    def forward(self, x):
        x = F.relu(self.bn1(self.fc1(x)))
        x = F.relu(self.bn2(self.fc2(x)))
        return self.fc3(x)


model = MLP()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    model.train()
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        output = model(X_val)
        val_loss = F.cross_entropy(output, y_val).item()
        val_acc = (output.argmax(1) == y_val).float().mean().item()
    print(
        f"epoch {epoch} train loss {loss.item():.3f} val loss {val_loss:.3f} val acc {val_acc:.3f}"
    )

print("validation accuracy", val_acc, "chance", 0.25)
