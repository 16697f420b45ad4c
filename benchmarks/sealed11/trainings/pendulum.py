"""A physics-informed net for a damped oscillator: no data at all, the loss is the equation itself."""

import sys

import torch
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
DAMPING, STIFFNESS, END = 0.6, 4.0, 2.0


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
        )

    def forward(self, t):
        # position 1 and speed 0 at the start hold by construction
        return 1 + t**2 * self.net(t)


def residual(model, t):
    t = t.requires_grad_()
    u = model(t)
    (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    (ddu,) = torch.autograd.grad(du.sum(), t, create_graph=True)
    return ddu + DAMPING * du + STIFFNESS * u


model = Field()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
for step in range(300):
    loss = residual(model, END * torch.rand(96, 1)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 60 == 0:
        print("step", step, "residual", loss.item())

t = torch.linspace(0, END, 100).unsqueeze(1)
omega = (STIFFNESS - DAMPING**2 / 4) ** 0.5
decay = torch.exp(-DAMPING / 2 * t)
exact = decay * (torch.cos(omega * t) + DAMPING / (2 * omega) * torch.sin(omega * t))
with torch.no_grad():
    r2 = 1 - ((model(t) - exact) ** 2).mean() / exact.var()
print("R2", r2.item(), "mean", 0.0)
