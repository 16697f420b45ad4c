"""A VGG-like net that tells the direction of a crack in a 16x16 photo of concrete."""

import sys

import torch
from torch import nn

version = sys.argv[1]
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
CFG = [8, 8, "M", 16, 16, 16, "M", 24, 24, 24, "M"]


def photo():
    kind = int(torch.randint(0, 4, ()))
    image = torch.randn(16, 16) * 0.4
    k, t = int(torch.randint(3, 13, ())), torch.arange(16)
    if kind == 0:
        image[k, :] -= 1.5
    elif kind == 1:
        image[:, k] -= 1.5
    elif kind == 2:
        image[t, (t + k) % 16] -= 1.5
    else:
        image[t, (k - t) % 16] -= 1.5
    return image[None], kind


def make_set(n):
    images, kinds = zip(*(photo() for _ in range(n)))
    return torch.stack(images), torch.tensor(kinds)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 1
        for v in CFG:
            if v == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, v, 3, padding=1), nn.ReLU(inplace=True)]
                channels = v
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(24 * 4, 4)
        self.apply(self.init_weights)

    @staticmethod
    def init_weights(m):
        if isinstance(m, nn.Conv2d):
            if version == "buggy":
                nn.init.normal_(m.weight, mean=0.0, std=0.01)
            else:
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
            nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


x, y = make_set(1500)
x_test, y_test = make_set(300)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for step in range(220):
    i = torch.randint(0, len(x), (32,))
    optimizer.zero_grad()
    loss = criterion(net(x[i]), y[i])
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f}")
with torch.no_grad():
    print("accuracy", (net(x_test).argmax(1) == y_test).float().mean().item(), "chance", 0.25)
