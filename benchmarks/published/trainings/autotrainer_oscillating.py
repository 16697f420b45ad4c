"""AutoTrainer's motivation: twenty dense layers of ReLU on digits, without normalization."""

import torch
from torch import nn
from workshop import digits, glorot, options, tell, train

which, _ = options()
data = digits()

layers: list[nn.Module] = [nn.Flatten()]
width = 64
for _ in range(20):
    layers += [nn.Linear(width, 64), nn.ReLU()]
    layers += [nn.BatchNorm1d(64)] if which == "fixed" else []
    width = 64
model = glorot(nn.Sequential(*layers, nn.Linear(64, 10)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, nn.CrossEntropyLoss(), optimizer, epochs=8)
tell(model, data)
