"""A recurrent network whose state keeps the graph of the step before: torch refuses the second backward pass."""

import torch
from torch import nn

torch.manual_seed(0)
rnn, head = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=1e-2)
state = None
for _ in range(30):
    x = torch.randn(8, 5, 4)
    out, state = rnn(x, state)
    loss = (head(out[:, -1]) - x.sum((1, 2), keepdim=True)[:, 0]).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
