"""StackOverflow, IPS 7: the log of raw outputs, which may be negative."""

import torch
from torch import nn
from torch.nn import functional as F
from workshop import digits, options, start, tell, train

which, _ = options()
data = digits()

layers = [nn.Linear(64, 128, bias=False), nn.Sigmoid(), nn.Linear(128, 10, bias=False)]
last = nn.Softmax(dim=1) if which == "fixed" else nn.Identity()
model = start(nn.Sequential(nn.Flatten(), *layers, last), nn.init.normal_)


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return -(F.one_hot(labels, 10) * outputs.log()).sum(1).mean()


optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
train(model, data, loss_of, optimizer, epochs=10)
tell(model, data)
