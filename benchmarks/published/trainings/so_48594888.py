"""StackOverflow 48594888: pixels from 0 to 255, not scaled, in a small network of convolutions."""

import torch
from torch import nn
from workshop import digits, options, start, tell, train

which, _ = options()
data = digits(top=1.0 if which == "fixed" else 255.0)

model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(256, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10),
)  # fmt: skip
start(model, nn.init.kaiming_normal_)
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, nn.CrossEntropyLoss(), optimizer, epochs=8)
tell(model, data)
