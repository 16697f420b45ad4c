"""StackOverflow 37624102: Nesterov's SGD at 0.1 where 0.01 learns (the shape of the network is ours)."""

import torch
from torch import nn
from workshop import digits, glorot, options, tell, train

which, _ = options()
data = digits()

model = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Dropout(0.25), nn.Flatten(), nn.Linear(288, 256), nn.ReLU(), nn.Dropout(),
    nn.Linear(256, 256), nn.ReLU(), nn.Dropout(), nn.Linear(256, 10),
)  # fmt: skip
glorot(model)
rate = 0.01 if which == "fixed" else 0.1
optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, nesterov=True)
train(model, data, nn.CrossEntropyLoss(), optimizer, epochs=8)
tell(model, data)
