"""StackOverflow 39525358: inputs of very different sizes, not standardized, in a small classifier."""

import torch
from sklearn import datasets
from torch import nn
from workshop import options, split, start, tell, train

which, _ = options()
bunch = datasets.load_breast_cancer()
x = torch.tensor(bunch.data).float()
if which == "fixed":
    x = (x - x.mean(0)) / x.std(0)
data = split(x, torch.tensor(bunch.target)[:, None])
data = data._replace(y=data.y.float())

layers = [nn.Linear(30, 12), nn.ReLU(), nn.Linear(12, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid()]
model = start(nn.Sequential(*layers), lambda w: nn.init.uniform_(w, -0.05, 0.05))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, nn.BCELoss(), optimizer, epochs=15, batch=4)
tell(model, data)
