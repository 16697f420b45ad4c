"""A Gaussian process: the three hyperparameters are trained on the marginal likelihood, in double precision."""

import math
import sys

import torch

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
torch.set_default_dtype(torch.float64)


def ore(x):
    return torch.sin(7 * x[:, 0]) * torch.cos(5 * x[:, 1]) + 0.5 * x[:, 0]


x = torch.rand(150, 2)
y = ore(x) + 0.1 * torch.randn(150)
log_length = torch.tensor([1.0, 1.0], requires_grad=True)
log_signal = torch.tensor(0.0, requires_grad=True)
log_noise = torch.tensor(0.0, requires_grad=True)


def kernel(a, b):
    d = (a / log_length.exp()).unsqueeze(1) - (b / log_length.exp()).unsqueeze(0)
    return (2 * log_signal).exp() * torch.exp(-0.5 * d.pow(2).sum(2))


def factor():
    return torch.linalg.cholesky(kernel(x, x) + ((2 * log_noise).exp() + 1e-8) * torch.eye(len(x)))


optimizer = torch.optim.Adam([log_length, log_signal, log_noise], lr=0.05)
for step in range(200):
    L = factor()
    alpha = torch.cholesky_solve(y.unsqueeze(1), L).squeeze(1)
    nll = 0.5 * y @ alpha + L.diagonal().log().sum() + 0.5 * len(x) * math.log(2 * math.pi)
    optimizer.zero_grad()
    nll.backward()
    optimizer.step()
    if step % 40 == 0:
        print(
            step,
            nll.item(),
            [round(v, 3) for v in log_length.exp().tolist()],
            log_noise.exp().item(),
        )

with torch.no_grad():
    x_new = torch.rand(500, 2)
    prediction = kernel(x_new, x) @ torch.cholesky_solve(y.unsqueeze(1), factor()).squeeze(1)
    truth = ore(x_new)
    print(
        "R2", max(0.0, 1 - ((prediction - truth).pow(2).mean() / truth.var()).item()), "mean", 0.0
    )
