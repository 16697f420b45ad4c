"""OpenEnv, ml-debugger-gym: five hidden layers of sigmoids under plain SGD: the gradient vanishes."""

import torch
from torch import nn
from workshop import digits, options, tell, train

which, _ = options()
data = digits()

layers: list[nn.Module] = [nn.Flatten()]
for _ in range(5):
    layers += [nn.Linear(64, 64), nn.ReLU() if which == "fixed" else nn.Sigmoid()]
model = nn.Sequential(*layers, nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
train(model, data, nn.CrossEntropyLoss(), optimizer, epochs=30, batch=64)
tell(model, data)
