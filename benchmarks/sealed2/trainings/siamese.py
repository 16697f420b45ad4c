"""Do two images show the same digit? Fault: both sides of a Siamese network are given the first image."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn, optim

variant, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 32),
        )
        self.compare = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        a = self.encoder(left)
        b = self.encoder(left if variant == "buggy" else right)
        return self.compare((a - b).abs()).squeeze(1)


class Pairs:
    """Random pairs of a part of the digits, half of them alike."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels
        self.rows_of = [torch.nonzero(labels == digit).flatten() for digit in range(10)]

    def __call__(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        left = torch.randint(len(self.labels), (count,))
        digits = self.labels[left]
        same = torch.rand(count) < 0.5
        other = torch.where(same, digits, (digits + torch.randint(1, 10, (count,))) % 10)
        right = torch.stack(
            [rows[torch.randint(len(rows), ())] for rows in (self.rows_of[d] for d in other)]
        )
        return self.images[left], self.images[right], same.float()


def main() -> None:
    torch.manual_seed(seed)
    bunch = load_digits()
    images = torch.tensor(bunch.images).float().unsqueeze(1) / 16
    labels = torch.tensor(bunch.target)
    train, test = Pairs(images[:1300], labels[:1300]), Pairs(images[1300:], labels[1300:])

    model, loss_fn = Siamese(), nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for step in range(300):
        left, right, same = train(64)
        loss = loss_fn(model(left, right), same)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: loss {loss.item():.4f}")

    left, right, same = test(1000)
    with torch.no_grad():
        correct = ((model(left, right) > 0).float() == same).float().mean().item()
    print(f"held out {correct:.4f} reference 0.5")


if __name__ == "__main__":
    main()
