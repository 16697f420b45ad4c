"""StackOverflow, IPS 17: a parabola through four points, a sum of squares and steps that are too large."""

import torch
from torch import nn
from workshop import Split, options, start, tell, train

which, _ = options()
x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
data = Split(
    torch.cat([x**2, x], dim=1), x**2 - 2 * x + 3, torch.cat([x**2, x], 1), x**2 - 2 * x + 3
)

model = start(nn.Linear(2, 1), nn.init.zeros_)
optimizer = torch.optim.SGD(model.parameters(), lr=0.001 if which == "fixed" else 0.01)
train(model, data, nn.MSELoss(reduction="sum"), optimizer, epochs=600, batch=4)
tell(model, data)
