"""From tensors to a few sums on their own device; nothing here waits for an accelerator.

What is read of a tensor is copied into a row of a sheet (`sheets.py`); full sheets are reduced, in
float64, many rows at a time. So a reading costs three small calls instead of a dozen, memory does not grow with the
number of layers, and numbers cross from the device once a step.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import islice
from math import isinf, isnan

import torch
from torch.linalg import vector_norm

from gradcheck_cli.probe import picking
from gradcheck_cli.probe.sheets import COLUMNS, Entry, Key, Sheet, wide
from gradcheck_cli.records.reading import Moments

Number = torch.Tensor | float
Numbers = tuple[float, ...]
_WIDTHS = (64, 512, picking.LIMIT)
_SHEET, _ROWS = 128 * picking.LIMIT, 256  # elements of one sheet, and at most so many rows
# The error of a norm in float32 grows with the squares added up, to 1e-4 for ten million: of more than
# so many elements it is taken in pieces.
_MOST_ADDED, _PIECE = 131_072, 1_024
# A norm in float32 is trusted where squares neither vanish, above so much per element, nor overflow.
_LEAST_TRUSTED, _MOST_TRUSTED = 1e-17, 1e18


@dataclass(frozen=True, slots=True)
class Fetched:
    """All numbers of one step, on the host."""

    moments: tuple[tuple[Key, Moments], ...] = ()
    numbers: tuple[tuple[Key, tuple[float, ...]], ...] = ()


@dataclass(slots=True)
class Ledger:
    """Numbers still on their devices, fetched together once a step."""

    _sheets: dict[tuple[torch.device, torch.dtype, int], Sheet] = field(default_factory=dict)
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
        if now.dtype is place.dtype:
            torch.sub(now, before, out=place)
        else:
            place.copy_(now).sub_(before)

    def _sheet(self, values: torch.Tensor, room: int) -> Sheet:
        """Return the sheet for these values, with free rows."""
        count = values.numel()
        width = _WIDTHS[bisect_left(_WIDTHS, count)]
        device = values.device
        dtype = torch.float64 if values.dtype is torch.float64 else torch.float32
        sheet = self._sheets.get((device, dtype, width))
        if sheet is None:
            size = (min(_SHEET // width, _ROWS), width)
            rows = torch.zeros(size, dtype=dtype, device=device)
            sheet = self._sheets[device, dtype, width] = Sheet(rows)
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
                row = table[COLUMNS * i : COLUMNS * (i + 1)]
                moments.append((entry.key, _moments(entry, row, exact)))
                if entry.shape is not None:
                    apart, norm = row[5], row[3]
                    pair = apart**2 / entry.shape[0], norm**2 / entry.shape[0]
                    numbers.append(((*entry.key, "spread"), pair))
                if entry.lost is not None:
                    moving = table[COLUMNS * (i - 1) + 1]
                    numbers.append((entry.lost, (moving - row[6], float(entry.read))))
        self._clear()
        return Fetched(tuple(moments), tuple(numbers))

    def _values(self) -> tuple[list[list[float]], list[float], list[tuple[Key, Numbers]]]:
        """Return the tables of reduced rows, the exact norms, and the numbers by key."""
        loose = [x for x in self._numbers if isinstance(x, torch.Tensor)]
        pieces = _alike(self._exact)
        norms = [vector_norm(rows, dim=1, dtype=wide(rows.device)) for _, rows in pieces]
        lists = _to_host([*(table for _, table in self._reduced), *norms, *loose])
        tables, rest = lists[: len(self._reduced)], lists[len(self._reduced) :]
        exact = [0.0] * len(self._exact)
        for (where, _), values in zip(pieces, rest, strict=False):
            for i, value in zip(where, values, strict=True):
                exact[i] = value
        fetched = (values[0] for values in rest[len(pieces) :])
        numbers = (next(fetched) if isinstance(x, torch.Tensor) else x for x in self._numbers)
        return tables, exact, [(key, tuple(islice(numbers, n))) for key, n in self._keys]

    @property
    def empty(self) -> bool:
        """Was nothing noted?"""
        return not (
            self._keys or self._reduced or any(sheet.entries for sheet in self._sheets.values())
        )

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
    """Return [n]: norms of the pieces of a tensor, which make up its norm."""
    dtype = torch.float32 if own.dtype in {torch.float16, torch.bfloat16} else None
    if own.numel() < _MOST_ADDED or own.dtype is torch.float64:
        norm: torch.Tensor = vector_norm(own, dtype=dtype)
        return norm.view(1)
    pieces: torch.Tensor
    dense = picking.in_memory(own)
    if dense is None:  # expanded or cut out: a copy could be larger than memory
        pieces = vector_norm(own, dim=own.shape.index(max(own.shape)), dtype=dtype)
        return pieces.reshape(-1)
    rest = dense.numel() % _PIECE
    whole = dense[:-rest] if rest else dense
    pieces = vector_norm(whole.view(-1, _PIECE), dim=1, dtype=dtype)
    return torch.cat([pieces, vector_norm(dense[-rest:], dtype=dtype).view(1)]) if rest else pieces


def _alike(tensors: list[torch.Tensor]) -> list[tuple[list[int], torch.Tensor]]:
    """Return tensors of one device, type and shape stacked, with where they stood in the list."""
    groups: dict[tuple[torch.device, torch.dtype, torch.Size], list[int]] = {}
    for i, tensor in enumerate(tensors):
        groups.setdefault((tensor.device, tensor.dtype, tensor.shape), []).append(i)
    return [(where, torch.stack([tensors[i] for i in where])) for where in groups.values()]


def _to_host(tensors: list[torch.Tensor]) -> list[list[float]]:
    """Return the numbers of each tensor; each device is waited for once."""
    by_device: dict[torch.device, list[tuple[list[int], torch.Tensor]]] = {}
    for where, stacked in _alike(tensors):
        flat = stacked.reshape(-1).to(wide(stacked.device))
        by_device.setdefault(stacked.device, []).append((where, flat))
    lists: list[list[float]] = [[] for _ in tensors]
    for groups in by_device.values():
        numbers = iter(torch.cat([flat for _, flat in groups]).tolist())
        for where, flat in groups:
            for i in where:
                lists[i] = list(islice(numbers, len(flat) // len(where)))
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
