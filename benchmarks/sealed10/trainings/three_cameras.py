"""Three cameras look at an object; their features are pooled by attention."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

VERSION, SEED = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
torch.manual_seed(SEED)
CLASSES, PIXELS, DIM = 6, 36, 32
TEMPLATES = torch.randn(3, CLASSES, PIXELS)


def scene(n):
    kind = torch.randint(0, CLASSES, (n,))
    views = [TEMPLATES[c][kind] + 1.3 * torch.randn(n, PIXELS) for c in range(3)]
    return [v.view(n, 1, 6, 6) for v in views], kind


class Camera(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3)
        self.fc = nn.Linear(12 * 16, DIM)

    def forward(self, image):
        return self.fc(F.relu(self.conv(image)).flatten(1))


class MultiView(nn.Module):
    def __init__(self):
        super().__init__()
        self.cameras = nn.ModuleList(Camera() for _ in range(3))
        self.query = nn.Linear(DIM, 1)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(DIM, CLASSES))

    def forward(self, images):
        features = [camera(image) for camera, image in zip(self.cameras, images)]
        if VERSION == "buggy":
            stacked = torch.cat(features, dim=0).view(-1, 3, DIM)
        else:
            stacked = torch.stack(features, dim=1)
        weights = self.query(stacked).softmax(dim=1)
        return self.head((weights * stacked).sum(dim=1))


def evaluate(model, images, kind):
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == kind).float().mean().item()


model = MultiView()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(200):
    images, kind = scene(48)
    loss = F.cross_entropy(model(images), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f}")
print("accuracy", evaluate(model, *scene(600)), "chance", 1 / CLASSES)
