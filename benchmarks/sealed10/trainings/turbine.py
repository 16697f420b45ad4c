"""A residual net of 40 blocks predicts the output of a turbine from ten readings."""

import sys

import numpy as np
import torch
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler
from torch import nn

version = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)

X, y = make_friedman1(1500, n_features=10, noise=0.5, random_state=seed)
X = torch.from_numpy(StandardScaler().fit_transform(X).astype(np.float32))
y = torch.from_numpy(((y - y.mean()) / y.std()).astype(np.float32))[:, None]
X_train, y_train, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]


class ResBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, width), nn.Linear(width, width)
        for fc in (self.fc1, self.fc2):
            nn.init.kaiming_normal_(fc.weight)
            nn.init.zeros_(fc.bias)
        if version != "buggy":
            nn.init.zeros_(self.fc2.weight)

    def forward(self, x):
        return x + self.fc2(torch.relu(self.fc1(x)))


class ResNet(nn.Module):
    def __init__(self, width=32, depth=40):
        super().__init__()
        self.stem = nn.Linear(10, width)
        self.blocks = nn.Sequential(*[ResBlock(width) for _ in range(depth)])
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))


net = ResNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for it in range(200):
    rows = torch.randint(0, 1200, (64,))
    loss = nn.functional.mse_loss(net(X_train[rows]), y_train[rows])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 40 == 0:
        print(f"iter {it} mse {loss.item():.4g}")

with torch.no_grad():
    r2 = 1 - (net(X_test) - y_test).pow(2).mean() / y_test.var(unbiased=False)
print("R2", r2.item(), "mean", 0.0)
