# Reservoir: a fixed random recurrent net, only the readout is trained (echo state network, by SGD)
import os
import sys
import numpy as np
import torch
import torch.nn as nn

variant = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
rng = np.random.default_rng(seed)

# NARMA-5 series
n = 1600
u = rng.uniform(0, 0.5, n)
s = np.zeros(n)
for k in range(5, n):
    s[k] = 0.3 * s[k - 1] + 0.05 * s[k - 1] * s[k - 5 : k].sum() + 1.5 * u[k - 5] * u[k - 1] + 0.1
u = torch.tensor(u, dtype=torch.float32).view(-1, 1)
s = torch.tensor((s - s[5:].mean()) / s[5:].std(), dtype=torch.float32)

size = 100
w_in = nn.Linear(1, size)
w_rec = nn.Linear(size, size, bias=False)
with torch.no_grad():
    w_in.weight.uniform_(-1, 1)
    w_rec.weight.normal_()
    w_rec.weight.mul_(0.9 / torch.linalg.eigvals(w_rec.weight).abs().max())
for p in list(w_in.parameters()) + list(w_rec.parameters()):
    p.requires_grad_(False)

states = []
h = torch.zeros(1, size)
for k in range(n):
    h = torch.tanh(w_in(2 * u[k : k + 1]) + w_rec(h))
    states.append(h)
states = torch.cat(states)
# u[k] only acts on the series from k + 1 on, the state holds the inputs up to k - 1
features = torch.cat([states[:-1], u[:-1]], 1)[100:]
target = s[1:][100:]
features = (features - features[:1100].mean(0)) / (features[:1100].std(0) + 1e-6)

readout = nn.Linear(size + 1, 1)
optimizer = torch.optim.Adam(readout.parameters(), lr=1e-2)
for epoch in range(40):
    for b in torch.randperm(1100).split(64):
        loss = ((readout(features[b]).squeeze(1) - target[b]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        print("epoch", epoch, "mse", loss.item())

with torch.no_grad():
    pred = readout(features[1100:]).squeeze(1)
r2 = 1 - ((pred - target[1100:]) ** 2).mean() / target[1100:].var()
print("R2", r2.item())
print("SCORE", variant, round(max(0.0, r2.item()), 3))
