"""A frozen body with a new head. Fault: all but the batch norms is frozen after the head was replaced, not before."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
digits = load_digits()
pictures = torch.tensor(digits.images / 16).unsqueeze(1).float()
numbers = torch.tensor(digits.target)
order = torch.randperm(len(numbers))
pictures, numbers = pictures[order], numbers[order]
pictures = (pictures - 0.305) / 0.376


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.fc = nn.Linear(12 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).flatten(1))


# what somebody else did: the digits 0 to 4
model = Body()
known = numbers < 5
x, y = pictures[known], numbers[known]
pretraining = torch.optim.Adam(model.parameters(), lr=2e-3)
for _ in range(5):
    for rows in torch.randperm(len(y)).split(32):
        pretraining.zero_grad()
        F.cross_entropy(model(x[rows]), y[rows]).backward()
        pretraining.step()

# ours: 5 to 9, with a new head
if sys.argv[1] == "buggy":
    model.fc = nn.Linear(12 * 16, 5)
for module in model.modules():
    if not isinstance(module, nn.BatchNorm2d):
        for param in module.parameters(recurse=False):
            param.requires_grad = False
if sys.argv[1] == "fixed":
    model.fc = nn.Linear(12 * 16, 5)
x, y = pictures[~known], numbers[~known] - 5
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.SGD(trained, lr=0.01, momentum=0.9)
model.train()
for epoch in range(8):
    for rows in torch.randperm(600).split(20):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    accuracy = (model(x[600:]).argmax(1) == y[600:]).float().mean().item()
print(f"val acc {accuracy:.4f} chance 0.2")
