"""Full-batch L-BFGS with a closure and strong Wolfe line search."""

import sys

import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 60
X, y = make_friedman1(800, noise=0.3, random_state=4)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32).unsqueeze(1)
y = (y - y.mean()) / y.std()

model = nn.Sequential(nn.Linear(10, 24), nn.Tanh(), nn.Linear(24, 1))
optimizer = torch.optim.LBFGS(
    model.parameters(), lr=1.0, max_iter=2, history_size=8, line_search_fn="strong_wolfe"
)


def closure():
    optimizer.zero_grad()
    penalty = sum((p**2).sum() for p in model.parameters())
    loss = ((model(X[:600]) - y[:600]) ** 2).mean() + 1e-4 * penalty
    loss.backward()
    return loss


for step in range(STEPS):
    loss = optimizer.step(closure)
    if step % 10 == 0:
        print(step, loss.item())

with torch.no_grad():
    r2 = 1 - ((model(X[600:]) - y[600:]) ** 2).mean() / y[600:].var()
print("R2", r2.item(), "mean", 0.0)
