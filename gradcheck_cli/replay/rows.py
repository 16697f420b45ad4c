"""Recorded batches as samples, of which some can be left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.examine.subject import NotApplicableError

FEWEST = 32  # samples that are left out
PART = 10  # one sample of so many is left out
MOST = 2**28  # bytes of all samples, which are held twice

Batch = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """The different samples of recorded batches; what is no tensor of rows is that of the first batch."""

    first: Batch
    columns: Mapping[str, Tensor]  # [samples, ...]
    places: Mapping[str, Tensor]  # [rows of a batch, ...], the same in each
    size: int  # of a batch
    # Columns with several rows for each sample, one after the other.
    folded: frozenset[str] = frozenset()

    @property
    def many(self) -> int:
        """How many samples differ."""
        return len(next(iter(self.columns.values())))

    def parted(self, seed: int) -> tuple[Iterator[Batch], Sequence[Batch]]:
        """Return endless batches of most samples, and batches of the others.

        Raises NotApplicableError where there are too few.
        """
        out = max(self.many // PART, FEWEST)
        if self.many < 4 * out:
            raise NotApplicableError(f"{self.many} samples are too few to leave some out")
        order = torch.randperm(self.many, generator=torch.Generator().manual_seed(seed))
        held, most = order[:out], order[out:]
        size = min(self.size, out)
        chunks = [self.batch(part) for part in held.split(size) if len(part) == size]
        return self._endless(most, seed), chunks

    def _endless(self, most: Tensor, seed: int) -> Iterator[Batch]:
        size = min(self.size, len(most))
        for turn in count(1):
            order = torch.Generator().manual_seed(seed + turn)
            mixed = most[torch.randperm(len(most), generator=order)]
            yield from (self.batch(part) for part in mixed.split(size) if len(part) == size)

    def batch(self, rows: Tensor) -> Batch:
        """Return the batch of these samples."""
        taken = {name: column[rows.to(column.device)] for name, column in self.columns.items()}
        taken |= {name: taken[name].flatten(0, 1) for name in self.folded}
        return {**self.first, **{n: t[: len(rows)] for n, t in self.places.items()}, **taken}


def rows_of(batches: Sequence[Batch], inputs: Sequence[str]) -> Rows:
    """Return the samples of these batches, each once: those whose inputs are the same bytes are one.

    What is the same in every batch belongs to places in it, as the numbers that a contrastive loss
    looks for. A tensor of several times as many rows (positions of sequences) holds as many for each sample.
    Raises NotApplicableError where tensors have neither rows nor numbers that stay the same.
    """
    first = batches[0]
    sizes = [len(b[inputs[0]]) if inputs and b[inputs[0]].ndim else 0 for b in batches]

    def is_column(name: str) -> bool:
        return all(b[name].ndim and len(b[name]) == s for b, s in zip(batches, sizes, strict=True))

    tensors = [name for name, entry in first.items() if isinstance(entry, Tensor)]
    along = [name for name in tensors if is_column(name)]
    same = {n for n in along if all(b[n].equal(first[n]) for b in batches)} - set(inputs)
    if not all(sizes) or not set(inputs) <= set(along):
        raise NotApplicableError("samples of recorded steps cannot be told apart")
    folded = [n for n in tensors if n not in along and _times(n, batches, sizes) > 1]
    if any(not first[n].is_floating_point() for n in {*tensors} - {*along, *folded}):
        raise NotApplicableError("a recorded tensor holds indices and no row for each sample")
    if sum(b[n].nbytes for b in batches for n in along) > MOST:
        raise NotApplicableError("the recorded samples are too large to be put together")
    seen: dict[tuple[bytes, ...], int] = {}
    together = (key for b in batches for key in zip(*(_bytes(b[n]) for n in inputs), strict=True))
    for place, key in enumerate(together):
        seen.setdefault(key, place)
    kept = torch.tensor(list(seen.values()))
    whole = {n: torch.cat([b[n] for b in batches]) for n in along if n not in same}
    whole |= {
        n: torch.cat([b[n].unflatten(0, (s, -1)) for b, s in zip(batches, sizes, strict=True)])
        for n in folded
    }
    columns = {name: t[kept.to(t.device)] for name, t in whole.items()}
    return Rows(first, columns, {n: first[n] for n in same}, sizes[0], frozenset(folded))


def _times(name: str, batches: Sequence[Batch], sizes: Sequence[int]) -> int:
    """Return how many rows of a tensor belong to each sample; 0 where that is no whole number, or differs."""
    lengths = [len(b[name]) if b[name].ndim else 0 for b in batches]
    times = {n // s if n % s == 0 else 0 for n, s in zip(lengths, sizes, strict=True)}
    return times.pop() if len(times) == 1 else 0


def _bytes(tensor: Tensor) -> Iterator[bytes]:
    flat = tensor.detach().cpu().reshape(len(tensor), -1).contiguous().view(torch.uint8).numpy()
    return (row.tobytes() for row in flat)
