"""MobileNet-like net on small pictures, without batch norm because I want to export it. Stays at chance."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("version", choices=["buggy", "fixed"])
parser.add_argument("seed", type=int, nargs="?", default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)


def separable(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_in, 3, padding=1, groups=c_in),
        nn.ReLU(),
        nn.Conv2d(c_in, c_out, 1),
        nn.ReLU(),
    )


class SmallMobile(nn.Module):
    def __init__(self, width=32, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.blocks = nn.Sequential(*[separable(width, width) for _ in range(6)])
        self.head = nn.Linear(width * 16, classes)
        mode = "fan_out" if args.version == "buggy" else "fan_in"
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode=mode, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.max_pool2d(self.blocks(x), 2)
        return self.head(x.flatten(1))


data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
labels = torch.tensor(data.target)
perm = torch.randperm(len(images))
train, test = perm[:1400], perm[1400:]

net = SmallMobile()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=1e-4)
for epoch in range(6):
    net.train()
    running = 0.0
    for batch in train[torch.randperm(len(train))].split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(batch)
    print(f"epoch {epoch} loss {running / len(train):.4f}")

net.eval()
with torch.no_grad():
    hits = (net(images[test]).argmax(1) == labels[test]).float().mean().item()
print("accuracy", hits, "chance", 0.1)
