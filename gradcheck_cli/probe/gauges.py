"""From tensors to a few sums on their own device; nothing here waits for an accelerator.

What is read of a tensor is copied, as float64, into a row of a sheet; full sheets are reduced many
rows at a time. So a reading costs two or three small calls instead of a dozen, memory does not grow
with the number of layers, and numbers cross from the device once a step.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from math import isinf, isnan

import torch

from gradcheck_cli.probe import picking
from gradcheck_cli.records.moments import Moments

Key = tuple[Hashable, ...]
_WIDTHS = (64, 512, picking.LIMIT)
_SHEET = 131_072  # elements of one sheet
_TRUSTED = (
    1e-17,
    1e17,
)  # float32 squares neither vanish nor overflow for a norm per element in here


@dataclass(slots=True)
class Entry:
    """One reading: whose it is, how much was read of how much, and whether the norm is exact."""

    key: Key
    read: int
    count: int  # elements, stored or not
    stored: int  # all but the zeros that a sparse layout leaves out
    shape: tuple[int, int] | None = None  # samples x units, where their spread is asked for
    exact: int | None = None  # position among the exact norms


@dataclass(slots=True)
class Sheet:
    """Rows of samples of one width on one device."""

    rows: torch.Tensor
    entries: list[Entry] = field(default_factory=list)

    def full(self) -> bool:
        """Is there no free row?"""
        return len(self.entries) == self.rows.shape[0]

    def write(self, values: torch.Tensor, entry: Entry) -> torch.Tensor:
        """Copy values into the next row and return them there."""
        row = self.rows[len(self.entries)]
        self.entries.append(entry)
        place = row[: entry.read].view(values.shape)
        place.copy_(values)
        return place

    def reduce(self) -> torch.Tensor:
        """Return [rows, 6]: non-finite, zeros, sum, norm, peak, norm of differences; empties it."""
        used = len(self.entries)
        rows = self.rows[:used]
        norm = torch.linalg.vector_norm(rows, dim=1)
        bad = torch.zeros_like(norm)
        if rows.device.type != "cpu" or not bool(norm.isfinite().all()):
            finite = rows.isfinite()
            bad = (~finite).sum(1).to(norm.dtype)
            rows.nan_to_num_(0.0, 0.0, 0.0)
            norm = torch.linalg.vector_norm(rows, dim=1)
        alive = torch.linalg.vector_norm(rows, 0, dim=1)
        peak = torch.maximum(rows.amax(1), -rows.amin(1))
        total = rows.sum(1)
        apart = torch.zeros_like(norm)
        for shape, indices in self._shapes().items():
            block = rows[indices, : shape[0] * shape[1]].view(-1, *shape)
            block = block - block.mean(1, keepdim=True)
            apart[indices] = torch.linalg.vector_norm(block, dim=(1, 2))
        result = torch.stack([bad, alive, total, norm, peak, apart], dim=1)
        rows.zero_()
        self.entries.clear()
        return result

    def _shapes(self) -> dict[tuple[int, int], list[int]]:
        found: dict[tuple[int, int], list[int]] = {}
        for i, entry in enumerate(self.entries):
            if entry.shape is not None:
                found.setdefault(entry.shape, []).append(i)
        return found


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
    _numbers: list[tuple[Key, torch.Tensor]] = field(default_factory=list)

    def add(self, key: Key, *numbers: torch.Tensor) -> None:
        """Note 0-d tensors under `key`."""
        self._numbers.append((key, torch.stack(numbers)))

    def read(
        self, key: Key, tensor: torch.Tensor, axis: int | None = None, *, exactly: bool = True
    ) -> torch.Tensor:
        """Note the sums of `tensor`; with the `axis` of its samples also their spread.

        The norm comes from all elements if `exactly`, at little cost for plain floating-point tensors.
        Returns the elements that were read, as float64, until the next sheet begins.
        """
        own = picking.plain(tensor)
        whole = picking.local(tensor).numel() * (2 if tensor.is_complex() else 1)
        by_sample = axis is not None and own.dim() > axis and own.dim() > 1 and own.numel() > 0
        values = picking.by_sample(own, axis or 0) if by_sample else picking.flat(own)
        shape = (values.shape[0], values.shape[1]) if by_sample and values.shape[0] > 1 else None
        entry = Entry(key, values.numel(), whole, own.numel(), shape)
        if exactly and entry.read < entry.stored and _is_quick(own):
            entry.exact = len(self._exact)
            self._exact.append(_norm(own))
        return self._sheet(values).write(values, entry)

    def read_part(self, key: Key, values: torch.Tensor, count: int) -> None:
        """Note the sums of `values`, which are a sample of `count` elements."""
        self._sheet(values).write(values, Entry(key, values.numel(), count, count))

    def _sheet(self, values: torch.Tensor) -> Sheet:
        width = next(w for w in _WIDTHS if w >= values.numel())
        place = (values.device, width)
        sheet = self._sheets.get(place)
        if sheet is None:
            dtype = torch.float32 if values.device.type == "mps" else torch.float64
            rows = torch.zeros(_SHEET // width, width, dtype=dtype, device=values.device)
            sheet = self._sheets[place] = Sheet(rows)
        elif sheet.full():
            self._reduced.append((list(sheet.entries), sheet.reduce()))
        return sheet

    def fetch(self) -> Fetched:
        """Return everything noted, in one transfer for each device; empties the ledger."""
        for sheet in self._sheets.values():
            if sheet.entries:
                self._reduced.append((list(sheet.entries), sheet.reduce()))
        lists = _to_host(
            [t.reshape(-1) for _, t in self._reduced] + self._exact + [t for _, t in self._numbers]
        )
        exact = [x[0] for x in lists[len(self._reduced) : len(self._reduced) + len(self._exact)]]
        found = [
            (entry.key, measured)
            for (entries, _), numbers in zip(self._reduced, lists, strict=False)
            for entry, measured in _measured(entries, numbers, exact)
        ]
        others = lists[len(self._reduced) + len(self._exact) :]
        numbers = [(key, tuple(x)) for (key, _), x in zip(self._numbers, others, strict=True)]
        numbers += [((*key, "spread"), pair) for key, (_, pair) in found if pair is not None]
        self._reduced.clear()
        self._exact.clear()
        self._numbers.clear()
        return Fetched(tuple((key, got) for key, (got, _) in found), tuple(numbers))

    def forget(self) -> None:
        """Drop what was noted."""
        for sheet in self._sheets.values():
            sheet.rows.zero_()
            sheet.entries.clear()
        self._reduced.clear()
        self._exact.clear()
        self._numbers.clear()


def _is_quick(own: torch.Tensor) -> bool:
    """Is a norm over all elements precise and cheap for this kind of tensor?"""
    return own.dtype in {torch.float32, torch.float64} or own.device.type == "cuda"


def _norm(own: torch.Tensor) -> torch.Tensor:
    wide = torch.float32 if own.dtype in {torch.float16, torch.bfloat16} else None
    norm: torch.Tensor = torch.linalg.vector_norm(own, dtype=wide)
    return norm


def _to_host(tensors: list[torch.Tensor]) -> list[list[float]]:
    """Return the numbers of 0-d and 1-d tensors; each device is waited for once."""
    by_device: dict[torch.device, list[int]] = {}
    for i, tensor in enumerate(tensors):
        by_device.setdefault(tensor.device, []).append(i)
    lists: list[list[float]] = [[] for _ in tensors]
    for device, indices in by_device.items():
        wide = torch.float32 if device.type == "mps" else torch.float64
        joined = torch.cat([tensors[i].reshape(-1).to(wide) for i in indices]).tolist()
        at = 0
        for i in indices:
            lists[i] = joined[at : at + tensors[i].numel()]
            at += tensors[i].numel()
    return lists


def _measured(
    entries: list[Entry], numbers: list[float], exact: list[float]
) -> Iterator[tuple[Entry, tuple[Moments, tuple[float, float] | None]]]:
    for i, entry in enumerate(entries):
        bad, alive, total, norm, peak, apart = numbers[6 * i : 6 * i + 6]
        pair = (apart**2 / entry.shape[0], norm**2 / entry.shape[0]) if entry.shape else None
        sums = (int(bad), entry.read - int(alive) - int(bad), total, norm, peak)
        yield entry, (_scaled(entry, sums, exact), pair)


def _scaled(
    entry: Entry, sums: tuple[int, int, float, float, float], exact: list[float]
) -> Moments:
    """Turn what was read into the moments of the whole tensor."""
    bad, zeros, total, norm, peak = sums
    scale = entry.stored / entry.read if entry.read else 0.0
    square, nonfinite = norm**2 * scale, round(bad * scale)
    if entry.exact is not None:
        whole = exact[entry.exact]
        low, high = (x * entry.stored**0.5 for x in _TRUSTED)
        if low < whole < high:
            square = whole**2
        elif isnan(whole) or (isinf(whole) and norm < high):
            nonfinite = max(nonfinite, 1)  # one that the sample may have missed
    return Moments(
        count=entry.count,
        nonfinite=nonfinite,
        zeros=round(zeros * scale) + entry.count - entry.stored,
        total=total * scale,
        square=square,
        peak=peak,
    )
