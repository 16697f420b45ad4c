"""Which customers leave. Fault: the table goes into the network as it is, with cents and Unix times in it."""

import sys

import numpy as np
import torch
from torch import nn, optim

SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
np.random.seed(SEED)  # noqa: NPY002

N = 3000
tenure = np.random.uniform(0, 60, N)  # noqa: NPY002  # months
signup = 1.7e9 - tenure * 2.6e6  # seconds
charges = np.random.normal(6500, 2000, N)  # noqa: NPY002  # cents
calls = np.random.poisson(2.0, N)  # noqa: NPY002
contract = np.random.randint(0, 3, N)  # noqa: NPY002
score = 1.2 * (calls - 2) - 0.06 * (tenure - 30) + 0.0006 * (charges - 6500) - 1.5 * (contract - 1)
churned = (score + np.random.logistic(0, 0.4, N) > 0).astype(np.float32)  # noqa: NPY002

X = np.column_stack([signup, charges, calls, contract]).astype(np.float32)
if sys.argv[1] == "fixed":
    X = (X - X.mean(axis=0)) / X.std(axis=0)
X_train, X_test = torch.from_numpy(X[:2400]), torch.from_numpy(X[2400:])
y_train, y_test = torch.from_numpy(churned[:2400]), torch.from_numpy(churned[2400:])


class ChurnNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer_1 = nn.Linear(4, 32)
        self.layer_2 = nn.Linear(32, 16)
        self.layer_out = nn.Linear(16, 1)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(p=0.1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.layer_1(inputs))
        x = self.relu(self.layer_2(x))
        x = self.dropout(x)
        return self.layer_out(x)


model = ChurnNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=0.002)

for e in range(1, 13):
    model.train()
    epoch_loss, epoch_acc = 0.0, 0.0
    order = torch.randperm(len(X_train))
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        optimizer.zero_grad()
        y_pred = model(X_train[rows])
        loss = criterion(y_pred, y_train[rows].unsqueeze(1))
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(rows)
        epoch_acc += ((y_pred > 0).float().squeeze(1) == y_train[rows]).float().sum().item()
    print(f"Epoch {e:02}: | Loss: {epoch_loss / 2400:.5f} | Acc: {epoch_acc / 2400:.3f}")

model.eval()
with torch.no_grad():
    accuracy = ((model(X_test).squeeze(1) > 0).float() == y_test).float().mean().item()
majority = max(y_test.mean().item(), 1 - y_test.mean().item())
print(f"test accuracy {accuracy:.4f} majority {majority:.4f}")
