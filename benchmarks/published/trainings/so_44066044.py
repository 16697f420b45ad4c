"""StackOverflow 44066044: numbers of 3e9 among the inputs of a small binary classifier."""

import torch
from sklearn import datasets
from torch import nn
from workshop import options, split, start, tell, train

which, _ = options()
bunch = datasets.load_breast_cancer()
x = torch.tensor(bunch.data[:, :11]).float()
x = (x - x.mean(0)) / x.std(0)
if which != "fixed":
    x = x * torch.tensor([1e9, 1e9, 1.0, 1e4, 1e4, 1.0, 1.0, 1.0, 1.0, 1e2, 1.0])
data = split(x, torch.tensor(bunch.target)[:, None])
data = data._replace(y=data.y.float())

layers = [
    nn.Linear(11, 12),
    nn.ReLU(),
    nn.Linear(12, 12),
    nn.ReLU(),
    nn.Linear(12, 1),
    nn.Sigmoid(),
]
model = start(nn.Sequential(*layers), lambda w: nn.init.normal_(w, 0, 0.05))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, nn.BCELoss(), optimizer, epochs=30, batch=5)
tell(model, data)
