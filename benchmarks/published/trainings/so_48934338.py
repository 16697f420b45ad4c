"""StackOverflow 48934338: y = 5 x^2 with SGD and a learning rate of 0.1, which is a hundred times too high."""

import torch
from torch import nn
from workshop import glorot, options, split, tell, train

which, _ = options()
some = torch.Generator().manual_seed(0)
x = 5 * torch.rand(250, 1, generator=some)
data = split(x, 5 * x**2 + torch.randn(250, 1, generator=some) ** 3)

layers = [nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 1)]
model = glorot(nn.Sequential(*layers))
optimizer = torch.optim.SGD(model.parameters(), lr=0.0005 if which == "fixed" else 0.1)
train(model, data, nn.MSELoss(), optimizer, epochs=60)
tell(model, data)
