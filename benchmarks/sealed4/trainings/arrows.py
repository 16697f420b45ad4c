"""Road signs with arrows to four sides. Fault: they are flipped and turned at random, and keep their labels."""

import sys

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def sign(side: int) -> Tensor:
    """An arrow to the right, turned by quarters."""
    image = torch.zeros(1, 16, 16)
    row, col = int(torch.randint(5, 11, ())), int(torch.randint(2, 6, ()))
    image[0, row, col : col + 8] = 1
    for back in range(1, 4):
        image[0, row - back, col + 7 - back] = 1
        image[0, row + back, col + 7 - back] = 1
    return image.rot90(side, (1, 2)) + 0.35 * torch.randn(1, 16, 16)


def augment(image: Tensor) -> Tensor:
    """Shifts; and, as in a recipe for photographs from above, flips and quarter turns."""
    image = image.roll(tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2))
    if sys.argv[1] == "buggy":
        if torch.rand(()) < 0.5:
            image = image.flip(2)
        if torch.rand(()) < 0.5:
            image = image.flip(1)
        image = image.rot90(int(torch.randint(0, 4, ())), (1, 2))
    return image


class Signs(Dataset[tuple[Tensor, int]]):
    def __init__(self, count: int, *, train: bool) -> None:
        self.labels = torch.randint(0, 4, (count,)).tolist()
        self.images = [sign(label) for label in self.labels]
        self.train = train

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index]
        return augment(image) if self.train else image, self.labels[index]


model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1),
    nn.BatchNorm2d(12),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1),
    nn.BatchNorm2d(24),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(24 * 16, 4),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
train_loader = DataLoader(Signs(1000, train=True), batch_size=25, shuffle=True)
test_loader = DataLoader(Signs(400, train=False), batch_size=100)
for epoch in range(6):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(images), labels)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.4f}")

model.eval()
with torch.no_grad():
    hits = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in test_loader)
print(f"test accuracy {hits / 400:.4f} chance 0.25")
