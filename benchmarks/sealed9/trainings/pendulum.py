"""Neural ODE (Euler) for a damped pendulum: where is it after three seconds?"""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
HORIZON, SOLVER_STEPS, ITERS = 3.0, 40, 160


def physics(state):
    angle, speed = state[:, 0], state[:, 1]
    return torch.stack([speed, -torch.sin(angle) - 0.2 * speed], dim=1)


def simulate(start, n=600):
    state = start
    for _ in range(n):
        state = state + HORIZON / n * physics(state)
    return state


class ODEFunc(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(), nn.Linear(hidden, 2))

    def forward(self, t, y):
        return self.net(y)


def odeint(func, y0, t):
    y = y0
    for a, b in zip(t[:-1], t[1:]):
        h = b - a
        y = y + h * func(a, y)
    return y


start = 2.0 * torch.randn(1200, 2)
end = simulate(start)
train, test = slice(0, 1000), slice(1000, None)
logged = torch.arange(SOLVER_STEPS + 1) * 75
grid = logged.float() if version == "buggy" else logged / 1000

func = ODEFunc()
optimizer = torch.optim.Adam(func.parameters(), lr=5e-3)
for it in range(ITERS):
    pick = torch.randint(0, 1000, (64,))
    loss = (odeint(func, start[pick], grid) - end[pick]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 20 == 0:
        print("iter", it, "loss", loss.item())

with torch.no_grad():
    error = (odeint(func, start[test], grid) - end[test]).pow(2).mean() / end[test].var()
print("R2", 1 - error.item(), "mean", 0.0)
