"""StackOverflow 33969059: a softmax over the one output of a regression (inputs scaled here)."""

import torch
from torch import nn
from workshop import options, split, start, tell, train

which, _ = options()
x = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0))
data = split(x, x @ torch.tensor([[1.0], [0.5], [-1.0]]) + 2.2)

layers = [nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)]
model = nn.Sequential(*layers, nn.Identity() if which == "fixed" else nn.Softmax(dim=1))
start(model, lambda w: nn.init.uniform_(w, -0.05, 0.05))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
train(model, data, nn.MSELoss(), optimizer, epochs=10)
tell(model, data)
