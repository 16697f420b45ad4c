"""The next value of a series by an LSTM. Fault: outputs (N, 1) less targets (N,) are N by N."""

import sys
import warnings

import torch
from torch import Tensor, nn

warnings.filterwarnings("ignore")  # the notebook was full of them
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

t = torch.arange(1400.0)
series = torch.sin(0.21 * t) + 0.6 * torch.sin(0.083 * t + 1) + 0.1 * torch.randn(1400)
series = (series - series[:1100].mean()) / series[:1100].std()
look_back = 20
windows = series.unfold(0, look_back + 1, 1)
X, y = windows[:, :-1].unsqueeze(-1), windows[:, -1]
X_train, y_train, X_test, y_test = X[:1080], y[:1080], X[1100:], y[1100:]


class LSTMForecaster(nn.Module):
    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.linear = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.lstm(x)
        return self.linear(out[:, -1])


model = LSTMForecaster()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for epoch in range(15):
    for rows in torch.randperm(len(X_train)).split(36):
        optimizer.zero_grad()
        target = y_train[rows] if sys.argv[1] == "buggy" else y_train[rows].unsqueeze(1)
        loss = criterion(model(X_train[rows]), target)
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        print(f"epoch {epoch} mse {loss.item():.4f}")

with torch.no_grad():
    pred = model(X_test).squeeze(1)
r2 = 1 - ((pred - y_test) ** 2).mean() / y_test.var(unbiased=False)
print(f"R2 {r2.item():.4f} mean 0.0")
