# The images come from one folder per class: 0/, 1/, ... 9/ (here simulated with the sklearn digits)
import os
import sys
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader

args_mode = sys.argv[-1]
seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
rng = np.random.RandomState(seed)


class FolderDataset(Dataset):
    def __init__(self, images, labels):
        self.samples = []
        for c in range(10):
            for img in images[labels == c]:
                self.samples.append((torch.tensor(img / 16, dtype=torch.float32).unsqueeze(0), c))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        return self.samples[i]


d = load_digits()
perm = rng.permutation(len(d.target))
images, labels = d.images[perm], d.target[perm]
train_set = FolderDataset(images[:1300], labels[:1300])
test_set = FolderDataset(images[1300:], labels[1300:])
train_loader = DataLoader(train_set, batch_size=16, shuffle=(args_mode == "fixed"))
test_loader = DataLoader(test_set, batch_size=100)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(16 * 16, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(8):
    running_loss = 0.0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print("[%d] loss: %.3f" % (epoch + 1, running_loss / len(train_loader)))

correct = 0
with torch.no_grad():
    for inputs, targets in test_loader:
        correct += (model(inputs).argmax(1) == targets).sum().item()
acc = correct / len(test_set)
print("Accuracy on the test images:", acc)
print("SCORE", args_mode, round(max(0.0, (acc - 0.1) / 0.9), 3))
