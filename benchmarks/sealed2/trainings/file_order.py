"""Digits from a folder of files, labels from a table. Fault: names are sorted as words, so 10 comes before 2."""

import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

buggy = sys.argv[1] == "buggy"
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)


def export(folder: Path) -> None:
    """Write what a scanner would leave: one file an image, and a table of labels."""
    images, labels = load_digits(return_X_y=True)
    for number, image in enumerate(images):
        np.save(folder / f"scan_{number}.npy", image.reshape(8, 8).astype(np.uint8))
    with (folder / "labels.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["number", "digit"])
        writer.writerows(enumerate(labels.tolist()))


class Scans(Dataset[tuple[Tensor, int]]):
    def __init__(self, folder: Path) -> None:
        if buggy:
            self.files = sorted(folder.glob("scan_*.npy"))
        else:
            self.files = sorted(folder.glob("scan_*.npy"), key=lambda f: int(f.stem.split("_")[1]))
        with (folder / "labels.csv").open(newline="") as table:
            self.labels = [int(row["digit"]) for row in csv.DictReader(table)]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(np.load(self.files[index])).float()
        return image.unsqueeze(0) / 8 - 1, self.labels[index]


with tempfile.TemporaryDirectory() as name:
    export(Path(name))
    scans = Scans(Path(name))
    loader = DataLoader(Subset(scans, range(1400)), batch_size=32, shuffle=True)

    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(6):
        running = 0.0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"epoch {epoch} loss {running / len(loader):.3f}")

x, y = load_digits(return_X_y=True)
with torch.no_grad():
    guessed = model(torch.tensor(x[1400:]).float().view(-1, 1, 8, 8) / 8 - 1).argmax(1)
print(f"held out {(guessed == torch.tensor(y[1400:])).float().mean().item():.4f} reference 0.1")
