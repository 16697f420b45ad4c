"""Which of 100 genes matter? A net with an L1 penalty on its weights."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=("buggy", "fixed"))
parser.add_argument("seed", type=int, nargs="?", default=0)
parser.add_argument("--l1", type=float, default=0.5)
parser.add_argument("--steps", type=int, default=300)
opt = parser.parse_args()
torch.manual_seed(opt.seed)

GENES, PATIENTS = 100, 1200
expression = torch.randn(PATIENTS, GENES)
risk = expression[:, 3] + 0.8 * expression[:, 17] - 0.7 * expression[:, 42].abs()
risk = (risk - risk.mean()) / risk.std() + 0.1 * torch.randn(PATIENTS)
x, y = expression[:1000], risk[:1000, None]
x_test, y_test = expression[1000:], risk[1000:, None]


def l1(model):
    weights = [p.abs() for name, p in model.named_parameters() if name.endswith("weight")]
    if opt.version == "buggy":
        return sum(w.sum() for w in weights)
    return sum(w.mean() for w in weights)


model = nn.Sequential(nn.Linear(GENES, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
model.append(nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(opt.steps):
    rows = torch.randint(0, len(x), (64,))
    mse = (model(x[rows]) - y[rows]).pow(2).mean()
    loss = mse + opt.l1 * l1(model)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} mse {mse.item():.4f}")

with torch.no_grad():
    r2 = 1 - (model(x_test) - y_test).pow(2).mean() / y_test.var(unbiased=False)
print("R2", r2.item(), "mean", 0.0)
