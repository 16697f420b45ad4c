"""Wave height at the coast from offshore buoys. The loss goes down, but terribly slowly."""

import argparse

import numpy as np
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["buggy", "fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--clip", type=float, default=1.0)
parser.add_argument("--steps", type=int, default=300)
args = parser.parse_args()
torch.manual_seed(args.seed)
np.random.seed(args.seed)

buoys = np.random.randn(2200, 8).astype(np.float32)
height = (
    1.2 * buoys[:, 0] * np.tanh(buoys[:, 1])
    + np.abs(buoys[:, 2])
    - 0.8 * buoys[:, 3]
    + 0.6 * np.sin(2 * buoys[:, 4])
)
height = ((height - height.mean()) / height.std()).astype(np.float32)[:, None]
x, y = torch.from_numpy(buoys), torch.from_numpy(height)


def get_batch(size=64):
    i = np.random.randint(0, 1800, size)
    return x[i], y[i]


model = nn.Sequential(
    nn.Linear(8, 100), nn.LeakyReLU(), nn.Linear(100, 100), nn.LeakyReLU(), nn.Linear(100, 1)
)
optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9, nesterov=True)
loss_fn = nn.SmoothL1Loss()
max_norm = args.lr if args.version == "buggy" else args.clip
model.train()
for step in range(args.steps):
    inputs, target = get_batch()
    optimizer.zero_grad()
    loss = loss_fn(model(inputs), target)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    if not step % 60:
        print("Step: %d, loss: %.4f" % (step, loss.item()))

model.eval()
with torch.no_grad():
    residual = ((model(x[1800:]) - y[1800:]) ** 2).mean() / y[1800:].var()
print("R2", max(0.0, 1 - residual.item()), "mean", 0.0)
