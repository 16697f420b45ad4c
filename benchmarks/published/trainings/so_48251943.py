"""StackOverflow 48251943: a ReLU at the output, and targets below zero."""

import torch
from torch import nn
from workshop import friedman, glorot, options, tell, train

which, _ = options()
data = friedman(200)
x, test_x = data.x[:, 3:5], data.test_x[:, 3:5]  # the two that count linearly
y, test_y = ((10 * a[:, :1] + 5 * a[:, 1:]) / 15 - 1 for a in (x, test_x))
data = data._replace(x=x, test_x=test_x, y=y, test_y=test_y)  # targets from -1 to 0

last = nn.Tanh() if which == "fixed" else nn.ReLU()
model = glorot(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1), last))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
train(model, data, nn.MSELoss(), optimizer, epochs=100, batch=10)
tell(model, data)
