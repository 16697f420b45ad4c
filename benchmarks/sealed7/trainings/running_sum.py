"""Sum of two marked numbers in a sequence of 40 (the adding problem) with a ReLU RNN."""

import sys

import torch
from torch import nn

case = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
T, STEPS = 40, 300


def batch(n):
    numbers = torch.rand(n, T)
    marks = torch.zeros(n, T)
    first = torch.randint(0, T // 2, (n,))
    second = torch.randint(T // 2, T, (n,))
    rows = torch.arange(n)
    marks[rows, first] = 1
    marks[rows, second] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1)


class Adder(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.readout = nn.Linear(hidden, 1)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.1)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        if case == "fixed":
            nn.init.eye_(self.rnn.weight_hh_l0)
        else:
            nn.init.normal_(self.rnn.weight_hh_l0, std=0.5)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.readout(out[:, -1]).squeeze(1)


model = Adder()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(STEPS):
    x, y = batch(64)
    loss = ((model(x) - y) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        print("step", step, "loss", loss.item())

with torch.no_grad():
    x, y = batch(1000)
    missed = ((model(x) - y) ** 2).mean() / y.var()
score = max(0.0, 1 - missed.item()) if torch.isfinite(missed) else 0.0
print("R2", score, "mean", 0.0)
