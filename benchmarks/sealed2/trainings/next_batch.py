"""Of which module is a piece of source? Fault: the loader is asked for its first batch in every step."""

import argparse
import collections
import inspect
import random
import textwrap
import turtle
import zipfile
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

MODULES = (argparse, collections, textwrap, turtle, zipfile)
LENGTH = 120


def pieces() -> tuple[Tensor, Tensor]:
    """Return pieces of text as bytes (N, 120) and their modules (N,), in one mixed order."""
    found = []
    for label, module in enumerate(MODULES):
        text = inspect.getsource(module).encode("ascii", "replace")
        starts = range(0, min(len(text) - LENGTH, 40_000), LENGTH)
        found += [(list(text[at : at + LENGTH]), label) for at in starts]
    random.Random(0).shuffle(found)
    texts, labels = zip(*found, strict=True)
    return torch.tensor(texts), torch.tensor(labels)


class Reader(nn.Module):
    """Convolutions over bytes, and the largest answer to each."""

    def __init__(self) -> None:
        super().__init__()
        self.letters = nn.Embedding(128, 24)
        self.grams = nn.ModuleList(nn.Conv1d(24, 48, width) for width in (3, 5, 7))
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(144, len(MODULES)))

    def forward(self, text: Tensor) -> Tensor:
        letters = self.letters(text).transpose(1, 2)
        return self.head(torch.cat([gram(letters).relu().amax(2) for gram in self.grams], 1))


def endless(loader: DataLoader) -> Iterator[list[Tensor]]:
    while True:
        yield from loader


def train(model: nn.Module, loader: DataLoader, steps: int, *, fixed: bool) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    batches = endless(loader)
    model.train()
    for step in range(steps):
        text, label = next(batches) if fixed else next(iter(loader))
        loss = cross_entropy(model(text), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"{step:4d} {loss.item():.3f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=("buggy", "fixed"))
    parser.add_argument("seed", nargs="?", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    texts, labels = pieces()
    cut = int(0.8 * len(texts))
    model = Reader()
    loader = DataLoader(TensorDataset(texts[:cut], labels[:cut]), batch_size=32)
    train(model, loader, 250, fixed=options.variant == "fixed")
    model.eval()
    with torch.no_grad():
        right = (model(texts[cut:]).argmax(1) == labels[cut:]).float().mean().item()
    most = labels[cut:].bincount().max().item() / len(labels[cut:])
    print(f"held out {right:.4f} reference {most:.4f}")


if __name__ == "__main__":
    main()
