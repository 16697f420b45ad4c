"""Property of a compound from its composition, a deep GELU MLP. It predicts the mean."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

VERSION = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)


def init_weights(m):
    if isinstance(m, nn.Linear):
        if VERSION == "buggy":
            nn.init.trunc_normal_(m.weight, std=0.02)
        else:
            nn.init.kaiming_normal_(m.weight)
        nn.init.zeros_(m.bias)


def mlp(n_in, width, depth):
    layers = [nn.Linear(n_in, width), nn.GELU()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), nn.GELU()]
    layers.append(nn.Linear(width, 1))
    return nn.Sequential(*layers)


composition = torch.distributions.Dirichlet(torch.full((12,), 0.6)).sample((2000,))
x = (composition - composition.mean(0)) / composition.std(0)
w1, w2 = torch.randn(12), torch.randn(12)
energy = x @ w1 / 3 + torch.tanh(x @ w2 / 2) * x[:, 0]
energy = ((energy - energy.mean()) / energy.std()).unsqueeze(1)

loader = DataLoader(TensorDataset(x[:1600], energy[:1600]), batch_size=64, shuffle=True)
model = mlp(12, 96, 9).apply(init_weights)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.MSELoss()

for epoch in range(12):
    for features, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(features), target)
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        print("Epoch", epoch, "MSE", round(loss.item(), 4))

model.eval()
with torch.no_grad():
    residual = (model(x[1600:]) - energy[1600:]).pow(2).mean() / energy[1600:].var()
print("R2", max(0.0, 1 - residual.item()), "mean", 0.0)
