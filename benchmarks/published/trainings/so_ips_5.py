"""StackOverflow, IPS 5 and 15: a straight line fitted with steps that are too large."""

import torch
from torch import nn
from workshop import Split, options, tell, train

which, _ = options()
rates = {"IPS_5": 0.1, "IPS_5_fixed": 0.01, "IPS_15": 0.5, "IPS_15_fixed": 0.0002}
x = (torch.linspace(-8, 8, 8) if "IPS_5" in which else torch.arange(100.0))[:, None]
y = 2 * x + 1 + torch.randn(len(x), 1, generator=torch.Generator().manual_seed(0))
data = Split(x, y, x, y)

model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=rates[which])
train(model, data, nn.MSELoss(), optimizer, epochs=300, batch=100)
tell(model, data)
