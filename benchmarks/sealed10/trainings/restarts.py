"""Cosine annealing with warm restarts; the weights at the end of each cycle are averaged."""

import sys

import torch
from sklearn.datasets import make_friedman2
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts
from torch.optim.swa_utils import AveragedModel

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
CYCLES, CYCLE = 5, 50

X, y = make_friedman2(1400, noise=60.0, random_state=seed)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
X, y = (X - X.mean(0)) / X.std(0), ((y - y.mean()) / y.std()).unsqueeze(1)
X_train, y_train, X_test, y_test = X[:1000], y[:1000], X[1000:], y[1000:]

model = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 1))
averaged = AveragedModel(model)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=CYCLE, eta_min=1e-5)

for cycle in range(CYCLES):
    for _ in range(CYCLE):
        rows = torch.randint(0, len(X_train), (64,))
        loss = nn.functional.smooth_l1_loss(model(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    averaged.update_parameters(model)
    print(f"cycle {cycle} loss {loss.item():.4f} next rate {scheduler.get_last_lr()[0]:.4f}")

with torch.no_grad():
    r2 = 1 - (averaged(X_test) - y_test).pow(2).mean() / y_test.var(unbiased=False)
print("R2", r2.item(), "mean", 0.0)
