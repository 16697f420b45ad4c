"""LSTM on accelerometer windows. It learns nothing."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
CLIP = 0.01


def windows(n, length=30):
    kind = torch.randint(0, 4, (n,))
    t = torch.arange(length) / length * 6.283
    frequency = torch.tensor([1.0, 2.5, 4.0, 6.0])[kind].unsqueeze(1)
    phase = 6.283 * torch.rand(n, 1)
    x = torch.stack([torch.sin(frequency * t + phase + k) for k in (0.0, 1.0, 2.0)], 2)
    return x + 0.3 * torch.randn_like(x), kind


class TremorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 32, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out.mean(1))


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    if version == "buggy":
        for p in model.parameters():
            p.data.clamp_(-CLIP, CLIP)
    else:
        for p in model.parameters():
            p.grad.data.clamp_(-CLIP, CLIP)
    optimizer.step()
    return loss.item()


model = TremorNet()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
x, y = windows(1200)
for epoch in range(10):
    losses = [train_step(model, optimizer, x[i], y[i]) for i in torch.randperm(1200).split(48)]
    print("epoch", epoch, "loss", sum(losses) / len(losses))

x, y = windows(400)
with torch.no_grad():
    accuracy = (model(x).argmax(1) == y).float().mean().item()
print("accuracy", accuracy, "chance", 0.25)
