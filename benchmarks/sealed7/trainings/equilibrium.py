"""Deep equilibrium model: the hidden state is a fixed point, found without a graph; its gradient is implicit."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, ITERATIONS = 250, 12
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]


class Equilibrium(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.inner = nn.Linear(width, width, bias=False)
        self.outer = nn.Linear(inputs, width)

    def cell(self, z, u):
        return torch.tanh(0.5 * self.inner(z) + u)

    def forward(self, x):
        u = self.outer(x)
        with torch.no_grad():
            z = torch.zeros_like(u)
            for _ in range(ITERATIONS):
                z = self.cell(z, u)
        z = self.cell(z, u)
        if z.requires_grad:
            z0 = z.detach().requires_grad_()
            f0 = self.cell(z0, u.detach())

            def solve(grad):
                g = grad
                for _ in range(ITERATIONS):
                    g = torch.autograd.grad(f0, z0, g, retain_graph=True)[0] + grad
                return g

            z.register_hook(solve)
        return z


model = nn.Sequential(Equilibrium(64, 64), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(STEPS):
    i = torch.randint(0, 1400, (50,))
    loss = nn.functional.cross_entropy(model(x[i]), y[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())

with torch.no_grad():
    acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
print("accuracy", acc, "chance", 0.1)
