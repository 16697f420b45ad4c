"""A word-level GRU whose head is its embedding. Fault: the shared table keeps the N(0, 1) of an embedding."""

import inspect
import re
import sys
import turtle
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Config:
    width: int = 128
    words: int = 600
    length: int = 25
    batch: int = 24
    steps: int = 300
    rate: float = 2e-3
    small_table: bool = True


class LanguageModel(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.words, config.width)
        self.rnn = nn.GRU(config.width, config.width, batch_first=True)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.words, bias=False)
        self.head.weight = self.embedding.weight
        if config.small_table:
            nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, words: Tensor) -> Tensor:
        return self.head(self.norm(self.rnn(self.embedding(words))[0]))


def corpus(words: int) -> Tensor:
    """Return the source of a module as numbers of words; the rarest share one."""
    text = re.findall(r"\w+|[^\w\s]", inspect.getsource(turtle))
    numbers = {word: n + 1 for n, (word, _) in enumerate(Counter(text).most_common(words - 1))}
    return torch.tensor([numbers.get(word, 0) for word in text])


def main() -> None:
    config = Config(small_table=sys.argv[1] != "buggy")
    torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    text = corpus(config.words)
    lines = text[: len(text) // config.length * config.length].view(
        -1, config.length
    )  # every eighth is for the test
    held_out = torch.arange(len(lines)) % 8 == 0
    train, test = lines[~held_out], lines[held_out]
    model = LanguageModel(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.rate)
    for step in range(config.steps):
        rows = train[torch.randint(len(train), (config.batch,))]
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(step, loss.item())

    with torch.no_grad():
        cost = F.cross_entropy(model(test[:, :-1]).flatten(0, 1), test[:, 1:].flatten()).item()
    counts = torch.bincount(train.flatten(), minlength=config.words) + 1
    unigram = -(counts / counts.sum()).log()[test[:, 1:]].mean().item()
    print(f"held out {1 - cost / unigram:.4f} reference 0.0")


if __name__ == "__main__":
    main()
