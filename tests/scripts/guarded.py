"""Three sick trainings, one by the first argument; the parts are functions, the loop is an ordinary one."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def sigmoids() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [m for _ in range(8) for m in (nn.Linear(16, 16), nn.Sigmoid())]
    return nn.Sequential(nn.Linear(8, 16), *layers, nn.Linear(16, 4))


def dead() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4)
    )
    with torch.no_grad():
        model[2].bias.fill_(-20.0)
    return model


def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 4))


def make_data() -> TensorDataset:
    x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    return TensorDataset(x, (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long())


CASES = {"sigmoids": (sigmoids, 0.1), "dead": (dead, 0.1), "plain": (plain, 200.0)}


def main(case: str) -> None:
    build, rate = CASES[case]
    model = build()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    torch.manual_seed(1)
    for epoch in range(4):
        for inputs, targets in DataLoader(make_data(), batch_size=32, shuffle=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        print(epoch, float(loss))
    total = sum(p.double().sum().item() for p in model.parameters())
    print(total)


if __name__ == "__main__":
    main(sys.argv[1])
