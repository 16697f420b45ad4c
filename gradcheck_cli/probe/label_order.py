"""Whether batches are drawn from all classes, or go through them one after the other."""

from dataclasses import dataclass, field
from itertools import pairwise
from math import factorial

import torch

FEWEST = 10  # steps
CHANCE = 0.01  # that classes in no order look like it
SMALLEST = 4  # samples of a batch: single ones hold one class anyway


@dataclass(slots=True)
class LabelOrder:
    """Follows the classes in each batch."""

    counts: dict[int, int] = field(default_factory=dict)
    batches: list[tuple[int, int, int]] = field(default_factory=list)  # size, classes, commonest

    def saw(self, labels: torch.Tensor) -> list[int]:
        """Return the classes among the valid labels of a batch; follow them where each sample has one [N]."""
        classes, counts = torch.unique(labels, return_counts=True)
        found: dict[int, int] = dict(zip(classes.tolist(), counts.tolist(), strict=True))
        if labels.dim() == 1 and found:
            for number, count in found.items():
                self.counts[number] = self.counts.get(number, 0) + count
            common = max(found, key=lambda number: found[number])
            self.batches.append((labels.numel(), len(found), common))
        return list(found)

    @property
    def spread(self) -> float | None:
        """Return the classes in a batch relative to those in one drawn at random from all of them."""
        known = [b for b in self.batches if b[0] >= SMALLEST]
        if len(known) < FEWEST or len(self.counts) < 2:
            return None
        whole = sum(self.counts.values())
        shares = [count / whole for count in self.counts.values()]
        expected = sum(sum(1 - (1 - p) ** size for p in shares) for size, _, _ in known)
        return sum(classes for _, classes, _ in known) / expected

    @property
    def in_rows(self) -> bool:
        """Do the commonest classes of batches come in the same order in each pass, in rows or ascending?"""
        seen = [common for _, _, common in self.batches]
        rows = [*seen[:1], *(b for a, b in pairwise(seen) if a != b)]
        order = rows[: len(set(rows))]
        again = all(row == order[i % len(order)] for i, row in enumerate(rows))
        ascending = order in (sorted(order), sorted(order, reverse=True))
        once = len(set(order)) == len(order)
        few = len(rows) - 1 < len(seen) / 3
        down = sum(b < a for a, b in pairwise(rows))
        turns = min(down, len(rows) - 1 - down)
        # Passes may be looked at in other places; of n! orders, at most (k + 1)^n turn back k times.
        rare = (turns + 1) ** len(rows) < CHANCE * factorial(len(rows))
        return (once and again and (few or ascending)) or rare
