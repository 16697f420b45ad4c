"""Forward-Forward (Hinton 2022): each layer has its own loss and optimizer, nothing flows back."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, THRESHOLD = 150, 2.0

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(x))
x, y = x[perm], y[perm]


def overlay(images, labels):
    return torch.cat([2 * F.one_hot(labels, 10).float(), images], dim=1)


class Layer(nn.Linear):
    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out)
        self.opt = torch.optim.Adam(self.parameters(), lr=4e-3)

    def forward(self, h):
        rms = h.pow(2).mean(1, keepdim=True).sqrt()
        return F.relu(super().forward(h / (rms + 1e-4)))

    def goodness(self, h):
        return self(h).pow(2).mean(1)

    def learn(self, positive, negative):
        g_pos, g_neg = self.goodness(positive), self.goodness(negative)
        loss = F.softplus(torch.cat([THRESHOLD - g_pos, g_neg - THRESHOLD])).mean()
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return self(positive).detach(), self(negative).detach(), loss.item()


layers = [Layer(74, 200), Layer(200, 200)]
for step in range(STEPS):
    i = torch.randint(0, 1400, (256,))
    wrong = (y[i] + torch.randint(1, 10, (256,))) % 10
    positive, negative = overlay(x[i], y[i]), overlay(x[i], wrong)
    losses = []
    for layer in layers:
        positive, negative, loss = layer.learn(positive, negative)
        losses.append(round(loss, 4))
    if step % 35 == 0:
        print("step", step, "losses", losses)

with torch.no_grad():
    per_label = []
    for label in range(10):
        h, total = overlay(x[1400:], torch.full((len(x) - 1400,), label)), 0
        for layer in layers:
            total = total + layer.goodness(h)
            h = layer(h)
        per_label.append(total)
acc = (torch.stack(per_label, 1).argmax(1) == y[1400:]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
