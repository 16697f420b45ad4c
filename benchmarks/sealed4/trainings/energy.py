"""Power of a plant from four sensors. Fault: F.dropout without training=self.training goes on after model.eval()."""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BUGGY = sys.argv[1] == "buggy"
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

features = torch.rand(2400, 4)
temperature, vacuum, pressure, humidity = features.T
power = 2 * torch.sin(3 * temperature) - vacuum**2 + pressure * humidity - torch.exp(-4 * humidity)
power = power + 0.05 * torch.randn(2400)
features = (features - features.mean(0)) / features.std(0)
power = (power - power.mean()) / power.std()


class Regressor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(4, 40)
        self.fc2 = nn.Linear(40, 40)
        self.fc3 = nn.Linear(40, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(x))
        x = F.dropout(x, p=0.5) if BUGGY else F.dropout(x, p=0.5, training=self.training)
        x = F.relu(self.fc2(x))
        x = F.dropout(x, p=0.5) if BUGGY else F.dropout(x, p=0.5, training=self.training)
        return self.fc3(x).squeeze(-1)


model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
mse = nn.MSELoss()
x_train, x_val, x_test = features.split([1600, 400, 400])
y_train, y_val, y_test = power.split([1600, 400, 400])
for epoch in range(25):
    model.train()
    for idx in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        loss = mse(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = mse(model(x_val), y_val)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {loss.item():.3f} val {val_loss.item():.3f}")

model.eval()
with torch.no_grad():
    r2 = 1 - mse(model(x_test), y_test) / y_test.var(unbiased=False)
print(f"R2 on the test set {r2.item():.4f} mean 0.0")
