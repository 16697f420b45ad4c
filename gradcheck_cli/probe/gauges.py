"""From tensors to a few sums on their own device; nothing here waits for an accelerator.

What is read of a tensor is copied, as float64, into a row of a sheet; full sheets are reduced many
rows at a time. So a reading costs three small calls instead of a dozen, memory does not grow with the
number of layers, and numbers cross from the device once a step.
"""

from bisect import bisect_left
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite, isinf, isnan
from typing import Any

import torch

from gradcheck_cli.probe import picking
from gradcheck_cli.records.moments import Moments

Key = tuple[Hashable, ...]
Number = torch.Tensor | float
Numbers = tuple[float, ...]
_WIDTHS = (64, 512, picking.LIMIT)
_SHEET, _ROWS = 64 * picking.LIMIT, 256  # elements of one sheet, and at most so many rows
# Of so many elements at a time it is reduced on a CPU: they stay in the cache, and torch splits no
# operation among its threads, which on busy cores costs more than the work.
_PART = 7 * picking.LIMIT
_COLUMNS = 7  # numbers of one row
# A norm in float32 is trusted where squares neither vanish, above so much per element, nor overflow.
_LEAST_TRUSTED, _MOST_TRUSTED = 1e-17, 1e18


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
    """Rows of samples of one width on one device."""

    rows: torch.Tensor
    entries: list[Entry] = field(default_factory=list)

    def free(self) -> int:
        """How many rows are still free."""
        return self.rows.shape[0] - len(self.entries)

    def place(self, entry: Entry, size: torch.Size) -> torch.Tensor:
        """Return the next row as a tensor of this size, to be written."""
        at = len(self.entries) * self.rows.shape[1]
        self.entries.append(entry)
        stride = (size[1], 1) if len(size) == 2 else (1,)
        return self.rows.as_strided(size, stride, at)

    def reduce(self) -> torch.Tensor:
        """Return [rows, 7] and empty the sheet; `_sums` says what stands in a row."""
        many = _PART // self.rows.shape[1] if self.rows.device.type == "cpu" else len(self.entries)
        parts, end = [], 0
        while end < len(self.entries):
            begin, end = end, min(end + many, len(self.entries))
            if end < len(self.entries) and self.entries[end].lost:
                end -= 1  # it is compared with the row before
            parts.append(self._sums(begin, end))
        self.empty()
        return torch.cat(parts)

    def empty(self) -> None:
        """Make all rows free again."""
        self.rows[: len(self.entries)].zero_()
        self.entries.clear()

    def _sums(self, first: int, last: int) -> torch.Tensor:
        """Return [rows, 7] of some rows, which are spoilt.

        In a row: non-finite, not zero, sum, norm, peak, norm of differences from the mean over samples,
        not zero here and in the row before.
        """
        rows, entries = self.rows[first:last], self.entries[first:last]
        alive = torch.ne(rows, 0, out=torch.empty_like(rows))
        norm = torch.linalg.vector_norm(rows, dim=1)
        bad = both = torch.zeros_like(norm)
        if rows.device.type != "cpu" or not all(map(isfinite, norm.tolist())):
            bad = (~rows.isfinite()).sum(1).to(norm.dtype)
            rows.nan_to_num_(0.0, 0.0, 0.0)
            norm = torch.linalg.vector_norm(rows, dim=1)
        if any(entry.lost for entry in entries):
            both = torch.cat([both[:1], (alive[1:] * alive[:-1]).sum(1)])
        total, apart, peak = rows.sum(1), _apart(rows, entries), rows.abs_().amax(1)
        return torch.stack([bad, alive.sum(1), total, norm, peak, apart, both], dim=1)


def _apart(rows: torch.Tensor, entries: list[Entry]) -> torch.Tensor:
    """Return [rows]: the norm of differences from the mean over samples; 0 where none is asked."""
    shapes: dict[tuple[int, int] | None, list[int]] = {}
    for i, entry in enumerate(entries):
        shapes.setdefault(entry.shape, []).append(i)
    apart = rows.new_zeros(rows.shape[0])
    for shape, indices in shapes.items():
        if shape is not None:
            first, last = indices[0], indices[-1] + 1
            run: Any = slice(first, last) if last - first == len(indices) else indices
            block = rows[run, : shape[0] * shape[1]].view(-1, *shape)
            block = block - block.mean(1, keepdim=True)
            apart[run] = torch.linalg.vector_norm(block, dim=(1, 2))
    return apart


@dataclass(frozen=True, slots=True)
class Fetched:
    """All numbers of one step, on the host."""

    moments: tuple[tuple[Key, Moments], ...] = ()
    numbers: tuple[tuple[Key, tuple[float, ...]], ...] = ()


@dataclass(slots=True)
class Ledger:
    """Numbers still on their devices, fetched together once a step."""

    _sheets: dict[tuple[torch.device, int], Sheet] = field(default_factory=dict)
    _reduced: list[tuple[list[Entry], torch.Tensor]] = field(default_factory=list)
    _exact: list[torch.Tensor] = field(default_factory=list)
    _numbers: list[Number] = field(default_factory=list)
    _keys: list[tuple[Key, int]] = field(default_factory=list)  # and how many numbers it has

    def add(self, key: Key, *numbers: Number) -> None:
        """Note numbers, or 0-d tensors, under `key`."""
        self._keys.append((key, len(numbers)))
        self._numbers.extend(numbers)

    def read(
        self,
        key: Key,
        tensor: torch.Tensor,
        axis: int | None = None,
        *,
        exactly: bool = True,
        room: int = 1,
    ) -> None:
        """Note the sums of `tensor`; with the `axis` of its samples also their spread.

        The norm comes from all elements if `exactly`, at little cost for plain floating-point tensors.
        The sheet it is written on has `room` free rows before.
        """
        own = picking.plain(tensor)
        stored = count = own.numel()
        if tensor.layout is not torch.strided:
            count = picking.local(tensor).numel() * (2 if tensor.is_complex() else 1)
        by_sample = axis is not None and own.dim() > axis and own.dim() > 1 and stored > 0
        values = picking.by_sample(own, axis or 0) if by_sample else picking.flat(own)
        entry = Entry(key, values.numel(), count, stored)
        if by_sample and values.shape[0] > 1:
            entry.shape = (values.shape[0], values.shape[1])
        if exactly and entry.read < stored and _is_quick(own):
            entry.exact = len(self._exact)
            self._exact.append(_norm(own))
        self._sheet(values, room).place(entry, values.shape).copy_(values)

    def read_change(
        self,
        key: Key,
        now: torch.Tensor,
        before: torch.Tensor,
        count: int,
        lost: Key | None = None,
    ) -> None:
        """Note the sums of `now - before`, which are [n] samples of `count` elements.

        With `lost`, notes under it how many are zero where the row before, on a sheet with room for
        both, is not.
        """
        entry = Entry(key, now.numel(), count, count, lost=lost)
        place = self._sheet(now, 1).place(entry, now.shape)
        place.copy_(now).sub_(before)

    def _sheet(self, values: torch.Tensor, room: int) -> Sheet:
        """Return the sheet for these values, with free rows."""
        count = values.numel()
        width = _WIDTHS[bisect_left(_WIDTHS, count)]
        device = values.device
        sheet = self._sheets.get((device, width))
        if sheet is None:
            dtype = torch.float32 if device.type == "mps" else torch.float64
            size = (min(_SHEET // width, _ROWS), width)
            rows = torch.zeros(size, dtype=dtype, device=device)
            sheet = self._sheets[device, width] = Sheet(rows)
        elif sheet.free() < room:
            self._reduced.append((list(sheet.entries), sheet.reduce()))
        return sheet

    def fetch(self) -> Fetched:
        """Return everything noted, in one transfer for each device; empties the ledger."""
        for sheet in self._sheets.values():
            if sheet.entries:
                self._reduced.append((list(sheet.entries), sheet.reduce()))
        tables, exact, numbers = self._values()
        moments: list[tuple[Key, Moments]] = []
        for (entries, _), table in zip(self._reduced, tables, strict=True):
            for i, entry in enumerate(entries):
                row = table[_COLUMNS * i : _COLUMNS * (i + 1)]
                moments.append((entry.key, _moments(entry, row, exact)))
                if entry.shape is not None:
                    apart, norm = row[5], row[3]
                    pair = apart**2 / entry.shape[0], norm**2 / entry.shape[0]
                    numbers.append(((*entry.key, "spread"), pair))
                if entry.lost is not None:
                    moving = table[_COLUMNS * (i - 1) + 1]
                    numbers.append((entry.lost, (moving - row[6], float(entry.read))))
        self._clear()
        return Fetched(tuple(moments), tuple(numbers))

    def _values(self) -> tuple[list[list[float]], list[float], list[tuple[Key, Numbers]]]:
        """Return the tables of reduced rows, the exact norms, and the numbers by key."""
        loose = [x for x in self._numbers if isinstance(x, torch.Tensor)]
        lists = _to_host([*(t for _, t in self._reduced), *self._exact, *loose])
        tables, singles = lists[: len(self._reduced)], [x[0] for x in lists[len(self._reduced) :]]
        exact, fetched = singles[: len(self._exact)], iter(singles[len(self._exact) :])
        values = (next(fetched) if isinstance(x, torch.Tensor) else x for x in self._numbers)
        return tables, exact, [(key, tuple(islice(values, n))) for key, n in self._keys]

    def forget(self) -> None:
        """Drop what was noted."""
        for sheet in self._sheets.values():
            sheet.empty()
        self._clear()

    def _clear(self) -> None:
        for noted in (self._reduced, self._exact, self._numbers, self._keys):
            noted.clear()


def _is_quick(own: torch.Tensor) -> bool:
    """Is a norm over all elements precise and cheap for this kind of tensor?"""
    return own.dtype in {torch.float32, torch.float64} or own.device.type == "cuda"


def _norm(own: torch.Tensor) -> torch.Tensor:
    wide = torch.float32 if own.dtype in {torch.float16, torch.bfloat16} else None
    norm: torch.Tensor = torch.linalg.vector_norm(own, dtype=wide)
    return norm


def _to_host(tensors: list[torch.Tensor]) -> list[list[float]]:
    """Return the numbers of each tensor; each device is waited for once."""
    alike: dict[tuple[torch.device, torch.dtype, torch.Size], list[int]] = {}
    for i, tensor in enumerate(tensors):
        alike.setdefault((tensor.device, tensor.dtype, tensor.shape), []).append(i)
    by_device: dict[torch.device, list[tuple[list[int], torch.Tensor]]] = {}
    for (device, _, _), indices in alike.items():
        flat = torch.stack([tensors[i] for i in indices]).reshape(-1)
        wide = flat.float() if device.type == "mps" else flat.double()
        by_device.setdefault(device, []).append((indices, wide))
    lists: list[list[float]] = [[] for _ in tensors]
    for groups in by_device.values():
        numbers = iter(torch.cat([wide for _, wide in groups]).tolist())
        for indices, wide in groups:
            for i in indices:
                lists[i] = list(islice(numbers, len(wide) // len(indices)))
    return lists


def _moments(entry: Entry, row: list[float], exact: list[float]) -> Moments:
    """Turn what was read into the moments of the whole tensor."""
    bad, alive, total, norm, peak = row[:5]
    scale = entry.stored / entry.read if entry.read else 0.0
    square, nonfinite = norm**2 * scale, round(bad * scale)
    if entry.exact is not None:
        whole = exact[entry.exact]
        if _LEAST_TRUSTED * entry.stored**0.5 < whole < _MOST_TRUSTED:
            square = whole**2
        elif isnan(whole) or (isinf(whole) and square**0.5 < _MOST_TRUSTED):
            nonfinite = max(nonfinite, 1)  # one that the sample may have missed
    return Moments(
        count=entry.count,
        nonfinite=nonfinite,
        zeros=round((entry.read - alive) * scale) + entry.count - entry.stored,
        total=total * scale,
        square=square,
        peak=peak,
    )
