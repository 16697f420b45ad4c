"""Robust digit classifier: add film grain while training (sigma = 25 grey levels)."""

import sys

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
EPOCHS = 6
SIGMA = 25.0 if version == "buggy" else 25.0 / 255


class Grainy(Dataset):
    def __init__(self, images, labels, train):
        self.images, self.labels, self.train = images, labels, train

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        if self.train:
            image = image + SIGMA * torch.randn_like(image)
        return image, self.labels[i]


data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16  # 0..1
labels = torch.tensor(data.target)
p = torch.randperm(len(images))
train = Grainy(images[p[:1400]], labels[p[:1400]], train=True)
test = Grainy(images[p[1400:]], labels[p[1400:]], train=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3)
        self.fc1 = nn.Linear(16 * 36, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.relu(self.conv(x)).flatten(1)
        return self.fc2(torch.relu(self.fc1(x)))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(EPOCHS):
    for image, label in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(net(image), label)
        loss.backward()
        optimizer.step()
    print(f"[{epoch}] {loss.item():.3f}")

hits = 0
with torch.no_grad():
    for image, label in DataLoader(test, batch_size=100):
        hits += (net(image).argmax(1) == label).sum().item()
print("test accuracy", hits / len(test), "chance", 0.1)
