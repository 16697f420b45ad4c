"""A residual network of digits under SGD. Fault: a schedule that counts epochs is stepped after every batch."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

per_batch = sys.argv[1] == "buggy"
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(seed)


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(out)))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.blocks = nn.Sequential(Residual(12), nn.MaxPool2d(2), Residual(12))
        self.fc = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))
        return self.fc(x.mean(dim=(2, 3)))


def loaders() -> tuple[DataLoader, DataLoader]:
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target)
    parts = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
    train_x, test_x, train_y, test_y = parts
    train = DataLoader(TensorDataset(train_x, train_y), batch_size=32, shuffle=True)
    return train, DataLoader(TensorDataset(test_x, test_y), batch_size=256)


def train_epoch(model: Net, loader: DataLoader, optimizer: SGD, scheduler: StepLR) -> None:
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if per_batch:
            scheduler.step()
    if not per_batch:
        scheduler.step()


def accuracy(model: Net, loader: DataLoader) -> float:
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


model = Net()
train_loader, test_loader = loaders()
optimizer = SGD(model.parameters(), lr=0.02, momentum=0.9)
scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
for epoch in range(8):
    train_epoch(model, train_loader, optimizer, scheduler)
    print(f"epoch {epoch}: {accuracy(model, test_loader):.3f}")
print(f"held out {accuracy(model, test_loader):.4f} reference 0.1")
