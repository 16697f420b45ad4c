"""Rows of weights are written to without gradients: while the network is made, before each use, and beside the update."""

import torch
from torch import nn

torch.manual_seed(0)


class Bounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)
        with torch.no_grad():
            self.first.weight[:4] *= 0.5
            head = self.last.weight[:, :2]
            head.mul_(0.5)
            head.add_(0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.first.weight[:4] *= 0.99
            rows = self.first.weight[4:]
            rows.clamp_(-1, 1)
            rows.mul_(1.0)
            norm = rows.norm()
        return self.last(torch.relu(self.first(x))) + 0 * norm


net = Bounded()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(60):
    x = torch.randn(32, 6)
    loss = nn.functional.cross_entropy(net(x), x[:, :3].argmax(1))
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        net.last.weight.grad[:1] *= 0.9
        part = net.last.weight[1:]
        part *= 0.999
        part.add_(0.0)
    optimizer.step()
print(loss.item().hex(), sum(p.double().sum().item() for p in net.parameters()).hex())
