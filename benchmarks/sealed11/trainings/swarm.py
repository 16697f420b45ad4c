"""Evolution strategies: no backward, the gradient is estimated from mirrored noise and given to Adam."""

import sys

import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
PAIRS, SIGMA, STEPS = 12, 0.1, 100

bunch = load_iris()
x = torch.tensor(bunch.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(bunch.target)
perm = torch.randperm(150)
train, test = perm[:110], perm[110:]

model = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)


@torch.no_grad()
def fitness(vector):
    vector_to_parameters(vector, model.parameters())
    return -nn.functional.cross_entropy(model(x[train]), y[train])


for step in range(STEPS):
    centre = parameters_to_vector(model.parameters()).detach().clone()
    noise = torch.randn(PAIRS, len(centre))
    gain = torch.stack([fitness(centre + SIGMA * e) - fitness(centre - SIGMA * e) for e in noise])
    estimate = (gain[:, None] * noise).mean(0) / (2 * SIGMA)
    vector_to_parameters(centre, model.parameters())
    position = 0
    for p in model.parameters():
        p.grad = -estimate[position : position + p.numel()].view_as(p).clone()
        position += p.numel()
    optimizer.step()
    if step % 30 == 0:
        print("step", step, "fitness", fitness(parameters_to_vector(model.parameters())).item())

with torch.no_grad():
    accuracy = (model(x[test]).argmax(1) == y[test]).float().mean().item()
print("accuracy", accuracy, "chance", 1 / 3)
