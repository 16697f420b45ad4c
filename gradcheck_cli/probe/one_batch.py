"""Whether each step trains on the batch of the step before, while the loader holds more; and which samples it draws."""

import linecache
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader, IterableDataset, SequentialSampler, WeightedRandomSampler
from torch.utils.data.dataloader import _BaseDataLoaderIter

from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.hooking import unheard
from gradcheck_cli.probe.picking import plain, unreadable
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.rescaled import Rescaled
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

LEAST = 100  # draws in a pass; fewer do not tell
_COUNTED = 8192  # draws: after them nothing new is learned


@dataclass(slots=True)
class Drawn:
    """The draws of the first pass that has enough of them."""

    weights: int | None = None  # that a weighted sampler was given
    times: int = 0
    _samples: set[Integral] = field(default_factory=set)

    @classmethod
    def by(cls, sampler: Any) -> "Drawn":
        """Return what is known before the first draw."""
        weighted = isinstance(sampler, WeightedRandomSampler)
        return cls(weights=len(sampler.weights) if weighted else None)

    def begin(self) -> None:
        """A pass begins."""
        if self.times < LEAST:
            self.times = 0
            self._samples.clear()

    def add(self, index: Any) -> None:
        """One sample, or a batch of them, is drawn."""
        if self.times < _COUNTED:
            several = index if isinstance(index, list) else [index]
            drawn = [i for i in several if isinstance(i, Integral)]
            self.times += len(drawn)
            self._samples.update(drawn)

    def habits(self, held: int) -> Iterator[Habit]:
        """Say how many of the `held` samples were drawn, where some were drawn again within a pass."""
        if self.times >= LEAST and len(self._samples) < self.times:
            numbers = {"samples": len(self._samples), "held": held, "weights": self.weights or held}
            told = {name: float(value) for name, value in numbers.items()}
            yield Habit(kind=Kind.FEW_DRAWN, times=self.times, of=held, numbers=told)


_READ = 1024  # elements of a tensor, evenly spaced
_KEPT = 256  # marks of a loader's first batches
_MARKED = 1024  # batches of each loader, and of what no loader is known of: after them nothing new is learned
_LOADERS = 64  # that are kept in mind: some scripts make one per epoch
_FIRST = 4  # inspected steps whose batches a loader has to have given
_MADE = re.compile(r"\biter\(")  # `for` and `enumerate` begin a pass; this begins again on purpose

Mark = tuple[int, float]


@unheard
def mark_of(tensor: torch.Tensor) -> Mark | None:
    """Return what tells batches apart, in whatever shape and on whatever device they are."""
    if unreadable(tensor) is not None or not tensor.numel():
        return None
    flat = plain(tensor).reshape(-1)
    read = flat[:: -(-flat.numel() // _READ)].double()
    places = torch.arange(1, len(read) + 1, device=read.device, dtype=read.dtype)
    return flat.numel(), float(read @ places.sqrt())  # the order counts: rows may have equal sums


@dataclass(slots=True)
class Source:
    """What a loader gave."""

    held: int
    in_order: bool
    drawn: Drawn = field(default_factory=Drawn)
    marks: set[Mark] = field(default_factory=set)
    marked: int = 0  # batches that were looked at
    again: int = 0  # iterators that a line of the user's made by itself
    at: SourceSite | None = None  # of the last of them


@dataclass(slots=True)
class OneBatch:
    """Watches loaders; a training adds the marks of what its steps were given."""

    sources: list[Source] = field(default_factory=list)
    rescaled: Rescaled = field(default_factory=Rescaled)
    _by_loader: WeakKeyDictionary[Any, Source] = field(default_factory=WeakKeyDictionary)
    _by_iterator: WeakKeyDictionary[Any, Source] = field(default_factory=WeakKeyDictionary)
    # changes from one batch to another until the first and the last update
    _spans: WeakKeyDictionary[Optimizer, tuple[int, int]] = field(default_factory=WeakKeyDictionary)
    _unknown: Source = field(default_factory=lambda: Source(held=0, in_order=False))
    _changes: int = 0
    _told: int = -1  # changes at the last update
    _by: Callable[[], Optimizer | None] = lambda: None  # who made it
    _given: Mark | None = None  # the batch that was given last

    def watch(self, stack: ExitStack) -> None:
        """Watch every loader until the stack closes."""
        stack.enter_context(replaced(DataLoader, "__iter__", self._watch_begin))
        stack.enter_context(replaced(_BaseDataLoaderIter, "__next__", self._watch_next))
        stack.enter_context(replaced(_BaseDataLoaderIter, "_next_index", self._watch_index))

    def updated(self, optimizer: Optimizer) -> None:
        """The optimizer has stepped."""
        if self._told == self._changes and self._by() is optimizer:  # as after most updates
            return
        self._told, self._by = self._changes, ref(optimizer)
        first, _ = self._spans.get(optimizer, (self._changes, 0))
        self._spans[optimizer] = first, self._changes

    def _watch_begin(self, original: Any, loader: Any) -> Any:
        iterator = original(loader)
        self.rescaled.watch(iterator)
        source = self._by_loader.get(loader) or self._met(loader)
        if source is not None and isinstance(iterator, _BaseDataLoaderIter):
            self._by_iterator[iterator] = source
            source.drawn.begin()
            at = user_site()
            if at is not None and _MADE.search(linecache.getline(at.file, at.line)):
                source.again, source.at = source.again + 1, at
        return iterator

    def _met(self, loader: Any) -> Source | None:
        data, many = loader.dataset, len(self.sources) >= _LOADERS
        if many or not isinstance(data, Sized) or isinstance(data, IterableDataset):
            return None
        in_order = isinstance(loader.sampler, SequentialSampler)
        source = Source(len(data), in_order, Drawn.by(loader.sampler))
        self._by_loader[loader] = source
        self.sources.append(source)
        return source

    def _watch_next(self, original: Any, iterator: Any) -> Any:
        batch = original(iterator)
        source = self._by_iterator.get(iterator, self._unknown)
        if source.marked < _MARKED:
            source.marked += 1
            self._look(batch, source)
        return batch

    def _watch_index(self, original: Any, iterator: Any) -> Any:
        index = original(iterator)
        if (source := self._by_iterator.get(iterator)) is not None:
            source.drawn.add(index)
        return index

    def few_drawn(self) -> Iterator[Habit]:
        """Say where a loader draws few of its samples."""
        for source in self.sources:
            yield from source.drawn.habits(source.held)

    def _look(self, batch: Any, source: Source) -> None:
        found = (m for t in tensors_in(batch) if (m := mark_of(t)) is not None)
        if (first := next(found, None)) not in {None, self._given}:
            self._given, self._changes = first, self._changes + 1
        if first and source is not self._unknown and len(source.marks) < _KEPT:
            source.marks.update((first, *found))

    def habits(
        self, own: Iterable[Optimizer], marks: Sequence[Mark], updates: int, rows: int
    ) -> Iterator[Habit]:
        """Say where all `marks`, those of the inputs of inspected steps, are of one batch of `rows` samples."""
        for source in self.sources:
            again = source.in_order and 2 * source.again >= updates
            if source.held <= rows or not set(marks[:_FIRST]) <= source.marks:
                continue
            if len(set(marks)) == 1 or again:
                spans = [self._spans[o] for o in own if o in self._spans]
                others = max((last - first for first, last in spans), default=0)
                numbers = {"rows": rows, "held": source.held, "again": again, "others": others}
                told = {name: float(value) for name, value in numbers.items()}
                yield Habit(
                    kind=Kind.ONE_BATCH, times=len(marks), of=updates, at=source.at, numbers=told
                )
                return
