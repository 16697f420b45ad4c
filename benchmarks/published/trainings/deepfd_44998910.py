"""StackOverflow 44998910: a squared error on small steps of SGD, which needs a higher rate."""

import torch
from torch import nn
from workshop import friedman, glorot, options, tell, train

which, _ = options()
data = friedman()
mean, std = data.y.mean(), data.y.std()
data = data._replace(y=(data.y - mean) / std, test_y=(data.test_y - mean) / std)

layers = [nn.Linear(10, 32), nn.Sigmoid(), nn.Linear(32, 16), nn.Sigmoid(), nn.Linear(16, 1)]
model = glorot(nn.Sequential(*layers))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1 if which == "fixed" else 0.01)
train(model, data, nn.MSELoss(), optimizer, epochs=100)
tell(model, data)
