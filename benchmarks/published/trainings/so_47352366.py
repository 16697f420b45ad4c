"""StackOverflow 47352366: a ReLU where a softmax belongs, under a cross-entropy of probabilities."""

import torch
from torch import nn
from workshop import digits, options, start, tell, train

which, _ = options()
data = digits(top=255.0)

model = nn.Sequential(
    nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(128, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 10),
    nn.Softmax(dim=1) if which == "fixed" else nn.ReLU(),
)  # fmt: skip
start(model, lambda w: nn.init.trunc_normal_(w, std=0.1))


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    p = (outputs / outputs.sum(1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    return -p.log().gather(1, labels[:, None]).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
train(model, data, loss_of, optimizer, epochs=10, batch=50)
tell(model, data)
