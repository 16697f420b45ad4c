"""A training loop of everyday use: ten sigmoids, an evaluation after each epoch, a saved model."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = []
        for _ in range(10):
            layers += [nn.Linear(32, 32), nn.Sigmoid()]
        self.body = nn.Sequential(nn.Linear(16, 32), *layers)
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.body(x))


def main(file: str, workers: str = "0", method: str = "") -> None:
    torch.manual_seed(0)
    x = torch.randn(512, 16)
    y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(
        TensorDataset(x, y),
        batch_size=32,
        shuffle=True,
        num_workers=int(workers),
        multiprocessing_context=method or None,
    )
    for epoch in range(3):
        for a, b in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(a), b)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, float(nn.functional.cross_entropy(model(x), y)))
        model.train()
    torch.save(model, file)
    print(__name__, sys.argv[1:])


if __name__ == "__main__":
    main(*sys.argv[1:])
