"""DeepCrime M3: a linear output into a cross-entropy of probabilities, in its CNN of digits."""

import torch
from torch import nn
from workshop import digits, glorot, options, tell, train

which, _ = options()
data = digits()

model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Dropout(0.25), nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10),
    nn.Softmax(dim=1) if which == "fixed" else nn.Identity(),
)  # fmt: skip
glorot(model)


def loss_of(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    p = (outputs / outputs.sum(1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    return -p.log().gather(1, labels[:, None]).mean()


optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.95, eps=1e-7)
train(model, data, loss_of, optimizer, epochs=8, batch=64)
tell(model, data)
