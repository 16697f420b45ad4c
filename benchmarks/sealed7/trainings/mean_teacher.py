"""120 labels, 1200 pictures without labels: a student agrees with a teacher that is its own moving average."""

import copy
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
STEPS = 300
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
labelled, labels, unlabelled, test, test_y = x[:120], y[:120], x[120:1320], x[1320:], y[1320:]

student = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
teacher = copy.deepcopy(student).requires_grad_(False)
optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)


def jitter(images):
    return images + 0.1 * torch.randn_like(images)


for step in range(STEPS):
    i, j = torch.randint(0, 120, (30,)), torch.randint(0, 1200, (60,))
    supervised = F.cross_entropy(student(jitter(labelled[i])), labels[i])
    with torch.no_grad():
        wanted = teacher(jitter(unlabelled[j])).softmax(1)
    agreement = ((student(jitter(unlabelled[j])).softmax(1) - wanted) ** 2).sum(1).mean()
    loss = supervised + min(1.0, step / 100) * agreement
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters()):
            slow.lerp_(fast, 0.03)
    if step % 50 == 0:
        print(f"step {step} supervised {supervised.item():.3f} agreement {agreement.item():.4f}")

teacher.eval()
with torch.no_grad():
    acc = (teacher(test).argmax(1) == test_y).float().mean().item()
print("accuracy of the teacher", acc, "chance", 0.1)
