"""StackOverflow 34673164: unscaled columns saturate tanh; a batch norm in front cures it."""

import torch
from sklearn import datasets
from torch import nn
from torch.nn import functional as F
from workshop import options, split, start, tell, train

which, _ = options()
bunch = datasets.load_wine()
data = split(torch.tensor(bunch.data).float(), torch.tensor(bunch.target), held_out=0.3)

front = nn.BatchNorm1d(13) if which == "fixed" else nn.Identity()
layers = [nn.Linear(13, 64), nn.Tanh(), nn.Dropout(), nn.Linear(64, 64), nn.Tanh(), nn.Dropout()]
model = nn.Sequential(front, *layers, nn.Linear(64, 3), nn.Softmax(dim=1))
start(model, lambda w: nn.init.uniform_(w, -0.05, 0.05))


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(outputs, F.one_hot(labels, 3).float())


optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
train(model, data, loss_of, optimizer, epochs=40, batch=16)
tell(model, data)
