"""Echo state network: the recurrent part is random and never trained, only the readout is."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


class Reservoir(nn.Module):
    def __init__(self, size=200, radius=0.9, leak=0.5):
        super().__init__()
        w = torch.randn(size, size) * (torch.rand(size, size) < 0.1)
        self.register_buffer("w", w * radius / torch.linalg.eigvals(w).abs().max())
        self.register_buffer("w_in", torch.rand(size, 1) * 2 - 1)
        self.leak = leak
        self.readout = nn.Linear(size, 1)

    @torch.no_grad()
    def states(self, series):
        h, out = torch.zeros(self.w.size(0)), []
        for value in series:
            h = (1 - self.leak) * h + self.leak * torch.tanh(self.w @ h + self.w_in[:, 0] * value)
            out.append(h)
        return torch.stack(out)

    def forward(self, states):
        return self.readout(states).squeeze(-1)


# NARMA-like series
u = 0.5 * torch.rand(1500)
y = torch.zeros(1500)
for k in range(4, 1499):
    y[k + 1] = 0.4 * y[k] + 0.4 * y[k] * y[k - 1] + 0.6 * u[k - 2] ** 2 + 0.1
y = (y - y[100:].mean()) / y[100:].std()

model = Reservoir()
states = model.states(2 * u)[100:]
states = (states - states.mean(0)) / (states.std(0) + 1e-6)
target = y.roll(-1)[100:]
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(300):
    i = torch.randint(0, 1000, (100,))
    loss = (model(states[i]) - target[i]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print("step", step, "loss", loss.item())

with torch.no_grad():
    r2 = 1 - (model(states[1000:-1]) - target[1000:-1]).pow(2).mean() / target[1000:-1].var()
print("R2", r2.item(), "mean", 0.0)
