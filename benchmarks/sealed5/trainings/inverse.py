# Mixture density network for an ambiguous inverse problem (Bishop 1994)
import math
import os
import sys
import torch
import torch.nn as nn

run = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))

t = torch.rand(1500, 1)
x = t + 0.3 * torch.sin(2 * math.pi * t) + 0.04 * torch.randn_like(t)
x_train, t_train, x_test, t_test = x[:1200], t[:1200], x[1200:], t[1200:]

K = 5
body = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 3 * K))
params = list(body.parameters())
velocity = [torch.zeros_like(p) for p in params]


def nll(x, t):
    logit_pi, mu, log_sigma = body(4 * x - 2).chunk(3, dim=1)
    log_sigma = log_sigma.clamp(min=-4)
    logp = -0.5 * ((t - mu) / log_sigma.exp()) ** 2 - log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(torch.log_softmax(logit_pi, 1) + logp, 1).mean()


# own SGD with momentum, written out
for step in range(1500):
    idx = torch.randint(0, 1200, (64,))
    loss = nll(x_train[idx], t_train[idx])
    grads = torch.autograd.grad(loss, params)
    norm = torch.sqrt(sum((g**2).sum() for g in grads))
    scale = min(1.0, 2.0 / (norm.item() + 1e-6))
    with torch.no_grad():
        for p, v, g in zip(params, velocity, grads):
            v.mul_(0.9).add_(g * scale)
            p.sub_(0.02 * v)
    if step % 150 == 0:
        print("step", step, "nll", loss.item())

with torch.no_grad():
    final = nll(x_test, t_test).item()
std = t_train.std().item()
constant = (
    0.5 * (((t_test - t_train.mean()) / std) ** 2).mean().item()
    + math.log(std)
    + 0.5 * math.log(2 * math.pi)
)
print("test nll", final, "one gaussian", constant)
# nats gained per sample as the share of the uncertainty which is explained
print("SCORE", run, round(max(0.0, 1 - math.exp(-(constant - final))), 3))
