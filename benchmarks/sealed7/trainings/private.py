"""Differentially private SGD: the gradient of every sample is clipped, then noise is added to their sum."""

import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.func import functional_call, grad, vmap

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS, BATCH, CLIP, NOISE = 200, 64, 1.0, 0.8
X, y = load_breast_cancer(return_X_y=True)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
order = torch.randperm(len(X))
X, y = X[order], y[order]

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)


def loss_of_one(parameters, x, target):
    logit = functional_call(model, parameters, (x.unsqueeze(0),)).squeeze()
    return nn.functional.binary_cross_entropy_with_logits(logit, target)


gradients = vmap(grad(loss_of_one), in_dims=(None, 0, 0))
for step in range(STEPS):
    i = torch.randint(0, 450, (BATCH,))
    parameters = {k: p.detach() for k, p in model.named_parameters()}
    single = gradients(parameters, X[i], y[i])
    norm = torch.sqrt(sum((g.flatten(1) ** 2).sum(1) for g in single.values()))
    factor = (CLIP / (norm + 1e-6)).clamp(max=1.0)
    for name, p in model.named_parameters():
        total = torch.einsum("n...,n->...", single[name], factor)
        p.grad = (total + NOISE * CLIP * torch.randn_like(total)) / BATCH
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            print(
                step,
                nn.functional.binary_cross_entropy_with_logits(
                    model(X[:450])[:, 0], y[:450]
                ).item(),
            )

with torch.no_grad():
    acc = ((model(X[450:])[:, 0] > 0) == (y[450:] > 0.5)).float().mean().item()
print("accuracy", acc, "majority", 357 / 569)
