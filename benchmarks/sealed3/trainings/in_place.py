"""Digits in a CNN. Fault: the data set scales each image in place, again in every epoch."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset[tuple[Tensor, int]]):
    """Images of 0 to 16, given out between 0 and 1."""

    def __init__(self, images: Tensor, labels: Tensor, *, copy: bool) -> None:
        self.images, self.labels, self.copy = images, labels, copy

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index]
        if self.copy:
            image = image.clone()
        image /= 16
        return image, int(self.labels[index])


def main() -> None:
    copy = sys.argv[1] == "fixed"
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    bunch = load_digits()
    images = torch.tensor(bunch.images, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(bunch.target)
    train = Digits(images[:480].clone(), labels[:480], copy=copy)
    loader = DataLoader(train, batch_size=48, shuffle=True)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(15):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: {total / len(loader):.4f}")
    with torch.no_grad():
        right = (model(images[1200:] / 16).argmax(1) == labels[1200:]).float().mean().item()
    print(f"held out {right:.4f} reference 0.1")


if __name__ == "__main__":
    main()
