# Friedman regression. loss: 1532.1 -> 9.6e+09 -> nan
import sys

import torch
from sklearn.datasets import make_friedman3
from torch import nn

run = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 20

a, b = make_friedman3(n_samples=1600, noise=0.05, random_state=0)
a, b = torch.tensor(a).float(), torch.tensor(b).float().reshape(-1, 1)
a, b = (a - a.mean(0)) / a.std(0), (b - b.mean()) / b.std()

model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss(reduction="sum" if run == "buggy" else "mean")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(EPOCHS):
    for k in range(0, 1280, 128):
        loss = loss_fn(model(a[k : k + 128]), b[k : k + 128])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, loss.item())

with torch.no_grad():
    mse = ((model(a[1280:]) - b[1280:]) ** 2).mean()
r2 = 1 - (mse / b[1280:].var()).item()
print("R2", max(0.0, r2) if r2 == r2 else 0.0, "mean", 0.0)
