"""Custom Dataset with normalization. First epoch is good, then it forgets everything."""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

VERSION, SEED = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)


class Digits(Dataset):
    mean, std = 4.9, 6.0

    def __init__(self, images, targets):
        self.images = images.astype(np.float32)
        self.targets = targets

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        image = self.images[index]
        if VERSION == "buggy":
            image -= self.mean
            image /= self.std
        else:
            image = (image - self.mean) / self.std
        return torch.from_numpy(image).unsqueeze(0), int(self.targets[index])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = nn.Linear(64, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


bunch = load_digits()
order = np.random.RandomState(SEED).permutation(len(bunch.target))
images, targets = bunch.images[order], bunch.target[order]
train_loader = DataLoader(Digits(images[:1400], targets[:1400]), batch_size=64, shuffle=True)
test_loader = DataLoader(Digits(images[1400:], targets[1400:]), batch_size=397)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(12):
    for inputs, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
    print("epoch", epoch + 1, "loss", round(loss.item(), 3))

with torch.no_grad():
    inputs, labels = next(iter(test_loader))
    print("accuracy", (net(inputs).argmax(1) == labels).float().mean().item(), "chance", 0.1)
