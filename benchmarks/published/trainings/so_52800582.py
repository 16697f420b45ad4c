"""StackOverflow 52800582: y = x^4 for x up to 100, neither of them scaled."""

import torch
from torch import nn
from workshop import glorot, options, split, tell, train

which, _ = options()
x = torch.arange(-100, 100, 0.5)[:, None]
y = x**4
if which == "fixed":
    x, y = ((a - a.mean()) / a.std() for a in (x, y))
data = split(x, y)

layers = [nn.Linear(1, 50), nn.Sigmoid(), nn.Linear(50, 50), nn.ELU(), nn.Linear(50, 1)]
model = glorot(nn.Sequential(*layers))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, nn.MSELoss(), optimizer, epochs=800, batch=400)
tell(model, data)
