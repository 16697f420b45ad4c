"""Sheets: samples of many tensors, a row each, reduced together to a few sums."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch.linalg import vector_norm

from gradcheck_cli.probe import picking

Key = tuple[Hashable, ...]
# Of so many elements at a time it is reduced on a CPU: they stay in the cache, and torch splits no
# operation among its threads, which on busy cores costs more than the work.
_PART = 7 * picking.LIMIT
COLUMNS = 7  # numbers of one row
_PLACES = 2_048  # views of rows that are kept, since making one costs as much as writing to it


@dataclass(slots=True)
class Entry:
    """One reading: whose it is, how much was read of how much, and whether the norm is exact."""

    key: Key
    read: int
    count: int  # elements, stored or not
    stored: int  # all but the zeros that a sparse layout leaves out
    shape: tuple[int, int] | None = None  # samples x units, where their spread is asked for
    exact: int | None = None  # position among the exact norms
    lost: Key | None = None  # where it is asked what is zero here and not in the row before


@dataclass(slots=True)
class Sheet:
    """Rows of samples of one width on one device; a row is zero behind its sample."""

    rows: torch.Tensor
    entries: list[Entry] = field(default_factory=list)
    _filled: list[int] = field(
        default_factory=list
    )  # elements of each row that are not zero for sure
    _places: dict[tuple[int, torch.Size], torch.Tensor] = field(default_factory=dict)
    # Two copies of some rows, allocated once: pages are slow when new.
    _scratch: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        size = (2, self._many(), self.rows.shape[1])
        device = self.rows.device
        self._scratch = torch.empty(size, dtype=wide(device), device=device)

    def free(self) -> int:
        """How many rows are still free."""
        return self.rows.shape[0] - len(self.entries)

    def place(self, entry: Entry, size: torch.Size) -> torch.Tensor:
        """Return the next row as a tensor of this size, to be written."""
        row, count = len(self.entries), size.numel()
        self.entries.append(entry)
        if row == len(self._filled):
            self._filled.append(0)
        if self._filled[row] > count:
            self.rows[row, count : self._filled[row]].zero_()
        self._filled[row] = count
        place = self._places.get((row, size))
        if place is None:
            if len(self._places) == _PLACES:
                self._places.clear()  # batches of ever other shapes
            stride = (size[1], 1) if len(size) == 2 else (1,)
            place = self.rows.as_strided(size, stride, row * self.rows.shape[1])
            self._places[row, size] = place
        return place

    def reduce(self) -> torch.Tensor:
        """Return [rows, 7] and empty the sheet; `_sums` says what stands in a row."""
        many, parts, end = self._many(), [], 0
        while end < len(self.entries):
            begin, end = end, min(end + many, len(self.entries))
            if end < len(self.entries) and self.entries[end].lost:
                end -= 1  # it is compared with the row before
            parts.append(self._sums(begin, end))
        self.empty()
        return torch.cat(parts)

    def empty(self) -> None:
        """Make all rows free again."""
        self.entries.clear()

    def _many(self) -> int:
        """How many rows are reduced at a time."""
        rows, width = self.rows.shape
        return min(rows, _PART // width) if self.rows.device.type == "cpu" else rows

    def _sums(self, first: int, last: int) -> torch.Tensor:
        """Return [rows, 7] of some rows.

        In a row: non-finite, not zero, sum, norm, peak, norm of differences from the mean over samples,
        not zero here and in the row before.
        """
        entries = self.entries[first:last]
        rows, scratch = self._scratch[:, : last - first]
        rows.copy_(self.rows[first:last])
        alive = torch.ne(rows, 0, out=scratch)
        norm = vector_norm(rows, dim=1)
        bad = both = torch.zeros_like(norm)
        if rows.device.type != "cpu" or not all(map(isfinite, norm.tolist())):
            bad = (~rows.isfinite()).sum(1).to(norm.dtype)
            rows.nan_to_num_(0.0, 0.0, 0.0)
            norm = vector_norm(rows, dim=1)
        if any(entry.lost for entry in entries):
            both = torch.cat([both[:1], (alive[1:] * alive[:-1]).sum(1)])
        total, moving = self._scratch[:, : last - first].sum(2)
        apart, peak = _apart(rows, entries, scratch), rows.abs_().amax(1)
        return torch.stack([bad, moving, total, norm, peak, apart, both], dim=1)


def _apart(rows: torch.Tensor, entries: list[Entry], scratch: torch.Tensor) -> torch.Tensor:
    """Return [rows]: the norm of differences from the mean over samples; 0 where none is asked."""
    shapes: dict[tuple[int, int] | None, list[int]] = {}
    for i, entry in enumerate(entries):
        shapes.setdefault(entry.shape, []).append(i)
    apart = rows.new_zeros(rows.shape[0])
    for shape, indices in shapes.items():
        if shape is not None:
            first, last = indices[0], indices[-1] + 1
            run: Any = slice(first, last) if last - first == len(indices) else indices
            size = shape[0] * shape[1]
            block = rows[run, :size].view(-1, *shape)
            room = scratch[: len(indices), :size].view(block.shape)
            block = torch.sub(block, block.mean(1, keepdim=True), out=room)
            apart[run] = vector_norm(block, dim=(1, 2))
    return apart


def wide(device: torch.device) -> torch.dtype:
    """Return the type in which is added up."""
    return torch.float32 if device.type == "mps" else torch.float64
