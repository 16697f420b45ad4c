"""Whether batches are drawn from all classes, or go through them one after the other."""

from dataclasses import dataclass, field
from itertools import pairwise

import torch

FEWEST = 10  # steps
SMALLEST = 4  # samples of a batch: single ones hold one class anyway


@dataclass(slots=True)
class LabelOrder:
    """Follows the classes in each batch."""

    counts: dict[int, int] = field(default_factory=dict)
    # size, classes, the commonest
    batches: list[tuple[int, int, int]] = field(default_factory=list)

    def saw(self, labels: torch.Tensor) -> None:
        """The valid labels of a batch, one for each sample [N]."""
        if labels.dim() != 1 or not labels.numel():
            return
        classes, counts = torch.unique(labels, return_counts=True)
        for number, count in zip(classes.tolist(), counts.tolist(), strict=True):
            self.counts[number] = self.counts.get(number, 0) + count
        common = int(classes[counts.argmax()])
        self.batches.append((labels.numel(), len(classes), common))

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
        """Does no commonest class of a batch come back: in order, or each several times in a row?"""
        rows = [common for _, _, common in self.batches]
        changes = sum(a != b for a, b in pairwise(rows))
        ordered = sorted(rows)
        ascending = rows in (ordered, ordered[::-1])
        return changes == len(set(rows)) - 1 and (ascending or changes < len(rows) / 3)
