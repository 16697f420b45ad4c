"""Circles, squares, triangles and crosses for a small CNN. Fault: Adam is given the learning rate of somebody's SGD."""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def draw(kind: int) -> Tensor:
    yy, xx = torch.meshgrid(torch.arange(20.0), torch.arange(20.0), indexing="ij")
    cy, cx = 7 + 6 * torch.rand(2)
    size = 3 + 3 * torch.rand(())
    dy, dx = (yy - cy).abs(), (xx - cx).abs()
    if kind == 0:
        inside = dy**2 + dx**2 < size**2
    elif kind == 1:
        inside = torch.maximum(dy, dx) < size * 0.9
    elif kind == 2:
        inside = (yy - cy < size) & (dx < (yy - cy + size) / 2)
    else:
        inside = (torch.minimum(dy, dx) < 1.2) & (torch.maximum(dy, dx) < size)
    return inside.float() + 0.3 * torch.randn(20, 20)


labels = torch.randint(0, 4, (1600,))
images = torch.stack([draw(int(k)) for k in labels]).unsqueeze(1)
images = (images - images.mean()) / images.std()
train = DataLoader(TensorDataset(images[:1200], labels[:1200]), batch_size=32, shuffle=True)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 5 * 5, 64)
        self.fc2 = nn.Linear(64, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.1 if sys.argv[1] == "buggy" else 0.001)

for epoch in range(8):
    running_loss = 0.0
    for inputs, targets in train:
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(f"[{epoch + 1}] loss: {running_loss / len(train):.3f}")

with torch.no_grad():
    correct = (net(images[1200:]).argmax(1) == labels[1200:]).sum().item()
print(f"accuracy on held-out images {correct / 400:.4f} chance 0.25")
