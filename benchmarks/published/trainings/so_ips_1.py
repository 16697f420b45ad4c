"""StackOverflow, IPS 1: log of a softmax by hand, pixels unscaled, weights of 0.1: the log of zero."""

import torch
from torch import nn
from torch.nn import functional as F
from workshop import digits, options, start, tell, train

which, _ = options()
data = digits(top=255.0)

model = nn.Sequential(
    nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10),
)  # fmt: skip
start(model, lambda w: nn.init.trunc_normal_(w, std=0.1, a=-0.2, b=0.2))


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if which == "fixed":
        return F.cross_entropy(logits, labels)
    return -(F.one_hot(labels, 10) * logits.softmax(1).log()).sum(1).mean()


optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
train(model, data, loss_of, optimizer, epochs=8, batch=50)
tell(model, data)
