"""Cross entropy written by hand, to understand it. After some steps everything is nan."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 300

raw = load_digits()
x = torch.tensor(raw.data, dtype=torch.float32) * 16  # grey values 0..255
onehot = nn.functional.one_hot(torch.tensor(raw.target), 10).float()
order = torch.randperm(len(x))
x, onehot = x[order], onehot[order]

net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def my_cross_entropy(logits, target):
    if version == "buggy":
        p = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
        log_p = torch.log(p)
    else:
        log_p = torch.log_softmax(logits, dim=1)
    return -(target * log_p).sum(dim=1).mean()


for step in range(STEPS):
    i = torch.randint(0, 1400, (32,))
    optimizer.zero_grad()
    loss = my_cross_entropy(net(x[i]), onehot[i])
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print("step", step, "loss", loss.item())

with torch.no_grad():
    acc = (net(x[1400:]).argmax(1) == onehot[1400:].argmax(1)).float().mean().item()
print("accuracy", acc, "chance", 0.1)
