"""CNN that says how a photo was exposed (0 very dark ... 3 too bright). Predictions image by image at the end."""

import os
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F

script = sys.argv[-1]
torch.manual_seed(int(os.environ.get("SEED", 0)))


def photos(n):
    level = torch.randint(0, 4, (n,))
    scene = F.interpolate(torch.rand(n, 1, 4, 4), size=12, mode="bilinear")
    gain = 0.25 + 0.25 * level.float() + 0.03 * torch.randn(n)
    return scene * gain[:, None, None, None] + 0.02 * torch.randn(n, 1, 12, 12), level


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3)
        self.bn2 = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.mean((2, 3)))


train_x, train_y = photos(1600)
test_x, test_y = photos(300)
net = CNN()
net.train()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    hits = 0
    for b in torch.randperm(1600).split(64):
        out = net(train_x[b])
        loss = F.cross_entropy(out, train_y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits += (out.argmax(1) == train_y[b]).sum().item()
    print("epoch", epoch, "loss", loss.item(), "train acc", hits / 1600)

if script == "fixed":
    net.eval()
right = 0
with torch.no_grad():
    for img, lab in zip(test_x, test_y):
        right += int(net(img.unsqueeze(0)).argmax(1).item() == lab.item())
acc = right / len(test_y)
print("test acc", acc)
print("SCORE", script, round(max(0.0, (acc - 0.25) / 0.75), 3))
