"""StackOverflow 56380303: plain SGD at Keras' 0.01 for few steps, where Adam learns."""

import torch
from torch import nn
from workshop import digits, glorot, options, tell, train

which, _ = options()
data = digits()

layers = [nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 10)]
model = glorot(nn.Sequential(nn.Flatten(), *layers))
if which == "fixed":
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
else:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
train(model, data, nn.CrossEntropyLoss(), optimizer, epochs=6, batch=50)
tell(model, data)
