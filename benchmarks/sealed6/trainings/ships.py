"""One network tells what kind of ship it is and how heavy it is (tons)."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)

n = 2400
kind = torch.randint(0, 4, (n,))
length = 40 + 120 * torch.rand(n)
tons = 0.9 * length**2 * (0.6 + 0.25 * kind.float()) / 10
shape = torch.randn(4, 12)[kind] * 0.7 + torch.randn(n, 12)
x = torch.cat([(length[:, None] - 100) / 35, shape, shape[:, :4] * shape[:, 4:8]], dim=1)
if version == "fixed":
    tons = (tons - tons.mean()) / tons.std()


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(17, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.kind = nn.Linear(32, 4)
        self.tons = nn.Linear(32, 1)

    def forward(self, x):
        h = self.trunk(x)
        return self.kind(h), self.tons(h).squeeze(1)


model = TwoHeads()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
ce, mse = nn.CrossEntropyLoss(), nn.MSELoss()
for epoch in range(25):
    for idx in torch.randperm(2000).split(50):
        logits, weight = model(x[idx])
        loss = ce(logits, kind[idx]) + mse(weight, tons[idx])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    if epoch % 5 == 0:
        print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    accuracy = (model(x[2000:])[0].argmax(1) == kind[2000:]).float().mean().item()
print("kind accuracy", accuracy, "chance", 0.25)
