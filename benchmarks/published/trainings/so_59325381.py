"""StackOverflow 59325381: the labels are divided by 255 together with the pixels, so all are 0."""

import torch
from torch import nn
from workshop import digits, glorot, options, tell, train

which, _ = options()
data = digits(top=1.0)
if which != "fixed":
    data = data._replace(y=(data.y / 255).long())

layers = [nn.Conv2d(1, 16, 3), nn.MaxPool2d(2), nn.Conv2d(16, 8, 3, padding=1), nn.Flatten()]
model = glorot(nn.Sequential(*layers, nn.Linear(72, 64), nn.ReLU(), nn.Linear(64, 10)))
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, nn.CrossEntropyLoss(), optimizer, epochs=8)
tell(model, data)
