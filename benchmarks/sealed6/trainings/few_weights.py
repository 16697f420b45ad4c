"""Train only 8 % of the weights; the others are zero and stay zero."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
x = x - x.mean(0)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]

net = nn.Sequential(
    nn.Linear(64, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU(), nn.Linear(300, 10)
)
for module in (net[0], net[2], net[4]):
    nn.init.normal_(module.weight, std=(2 / (0.08 * module.in_features)) ** 0.5)
    prune.random_unstructured(module, "weight", amount=0.92)
print("weights left", sum(int(b.sum()) for _, b in net.named_buffers()))

opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(15):
    for idx in torch.randperm(1400).split(50):
        loss = F.cross_entropy(net(x[idx]), y[idx])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
    print("epoch", epoch, "loss", round(loss.item(), 4))

with torch.no_grad():
    print("accuracy", (net(x[1400:]).argmax(1) == y[1400:]).float().mean().item(), "chance", 0.1)
