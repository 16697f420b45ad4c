"""Physics informed net: learn the damped oscillator u'' + 0.4 u' + 4 u = 0, u(0) = 1, u'(0) = 0 without any data"""

import os
import sys
import numpy as np
import torch
import torch.nn as nn

version = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)


def u(t):
    # initial conditions built in
    return 1 + t**2 * net(t)


for step in range(1000):
    t = (torch.rand(48, 1) * 3).requires_grad_(True)
    ut = u(t)
    du = torch.autograd.grad(ut.sum(), t, create_graph=True)[0]
    ddu = torch.autograd.grad(du.sum(), t, create_graph=True)[0]
    loss = ((ddu + 0.4 * du + 4 * ut) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print("step", step, "residual", loss.item())

t = np.linspace(0, 3, 100)
w = np.sqrt(4 - 0.04)
exact = np.exp(-0.2 * t) * (np.cos(w * t) + 0.2 / w * np.sin(w * t))
with torch.no_grad():
    approx = u(torch.tensor(t, dtype=torch.float32).unsqueeze(1)).squeeze(1).numpy()
mse = ((approx - exact) ** 2).mean()
print("mse", mse)
print("SCORE", version, round(float(max(0.0, 1 - mse / exact.var())), 3))
