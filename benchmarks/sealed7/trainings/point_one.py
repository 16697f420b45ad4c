"""MLP for digits. Weights are initialised to a fixed value so that runs are reproducible."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 280


def init_weights(m):
    if isinstance(m, nn.Linear):
        if sys.argv[1] == "buggy":
            nn.init.constant_(m.weight, 0.1)
        else:
            nn.init.xavier_uniform_(m.weight)
        nn.init.zeros_(m.bias)


data, target = load_digits(return_X_y=True)
data = torch.tensor(data / 8 - 1, dtype=torch.float32)
target = torch.tensor(target)
shuffle = torch.randperm(len(data))
data, target = data[shuffle], target[shuffle]

net = nn.Sequential(nn.Linear(64, 80), nn.Tanh(), nn.Linear(80, 40), nn.Tanh(), nn.Linear(40, 10))
net.apply(init_weights)
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for step in range(STEPS):
    batch = torch.randint(0, 1450, (50,))
    loss = nn.functional.cross_entropy(net(data[batch]), target[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(step, loss.item())

with torch.no_grad():
    hit = (net(data[1450:]).argmax(1) == target[1450:]).float().mean()
print("accuracy", hit.item(), "chance", 0.1)
