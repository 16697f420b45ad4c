"""Echo state network: the recurrent weights are random and stay so, only the readout is trained."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
UNITS, LENGTH, WASHOUT = 150, 900, 50


class Reservoir(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, UNITS, batch_first=True)
        self.readout = nn.Linear(UNITS, 1)
        for p in self.rnn.parameters():
            p.requires_grad = False
        nn.init.uniform_(self.rnn.weight_ih_l0, -0.8, 0.8)
        w = torch.randn(UNITS, UNITS) * (torch.rand(UNITS, UNITS) < 0.1)
        self.rnn.weight_hh_l0.data = 0.9 * w / torch.linalg.eigvals(w).abs().max()

    def forward(self, u):
        states, _ = self.rnn(u)
        return self.readout(states[:, WASHOUT:]).squeeze(-1)


def narma(n):
    u = 0.5 * torch.rand(n, LENGTH)
    y = torch.zeros(n, LENGTH)
    for t in range(2, LENGTH):
        y[:, t] = 0.4 * y[:, t - 1] + 0.4 * y[:, t - 1] * y[:, t - 2] + 0.6 * u[:, t - 1] ** 3 + 0.1
    y = (y - y.mean()) / y.std()
    return (4 * u - 1).unsqueeze(-1), y[:, WASHOUT:]


model = Reservoir()
trainable = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(trainable, lr=0.01)
u, y = narma(4)
for step in range(200):
    loss = nn.functional.mse_loss(model(u), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print("step", step, "mse", loss.item())

u, y = narma(2)
with torch.no_grad():
    error = (model(u) - y).pow(2).mean() / y.var()
print("R2", 1 - error.item(), "mean", 0.0)
