"""Evolution strategies (Salimans et al. 2017): a net for two moons without any backward pass."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import make_moons
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector

version, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)
POPULATION, SIGMA = 64, 0.1

points, moon = make_moons(1000, noise=0.15, random_state=seed)
points = torch.tensor(points, dtype=torch.float32) - torch.tensor([0.5, 0.25])
moon = torch.tensor(moon)
x, y, x_test, y_test = points[:700], moon[:700], points[700:], moon[700:]

net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 2))
shapes = [(name, p.shape, p.numel()) for name, p in net.named_parameters()]
optimizer = torch.optim.Adam(net.parameters(), lr=0.05)


def fitness(vector, inputs, labels):
    chunks = vector.split([n for _, _, n in shapes])
    weights = {name: c.view(shape) for (name, shape, _), c in zip(shapes, chunks)}
    return -F.cross_entropy(functional_call(net, weights, (inputs,)), labels)


with torch.no_grad():
    for generation in range(150):
        i = torch.randint(0, 700, (128,))
        mean = parameters_to_vector(net.parameters())
        noise = torch.randn(POPULATION // 2, len(mean))
        noise = torch.cat([noise, -noise])
        scores = vmap(fitness, in_dims=(0, None, None))(mean + SIGMA * noise, x[i], y[i])
        ranks = scores.argsort().argsort().float() / (POPULATION - 1) - 0.5
        estimate = -(ranks @ noise) / (POPULATION * SIGMA)
        for p, g in zip(net.parameters(), estimate.split([n for _, _, n in shapes])):
            p.grad = g.view_as(p).clone()
        optimizer.step()
        if generation % 25 == 0:
            print(f"generation {generation} mean fitness {scores.mean().item():.4f}")
    accuracy = (net(x_test).argmax(1) == y_test).float().mean().item()
print("accuracy", accuracy, "chance", 0.5)
