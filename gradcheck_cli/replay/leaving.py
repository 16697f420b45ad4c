"""Values that leave torch within a step: for numpy or for plain Python numbers."""

import inspect
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor, nn

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.replay.events import Call, Event
from gradcheck_cli.replay.functions import calling_frame, site_of_frame
from gradcheck_cli.replay.identities import Identities, version
from gradcheck_cli.replay.recording import site_text
from gradcheck_cli.replay.values import Kept, leaves, placeholders

WAYS = {"numpy": "numpy", "__array__": "numpy", "tolist": "Python numbers"}
_CALLERS = 6  # frames in which a batch is looked for
_DEEP = 2  # levels below a local name: an attribute of an object, an entry of what it holds
_LONG = 100  # entries above which a container is no batch


@dataclass(slots=True)
class Leaving:
    """Where outputs that will be learned from left torch, and what was there by then.

    Once a backward pass has used them, what is made of their values is data of a later step, as
    experience is. What an evaluation returns is not learned from.
    """

    ways: dict[str, SourceSite | None] = field(default_factory=dict)
    known: int = 0  # so many data were known when the first of them left
    _learned: set[int] = field(
        default_factory=set
    )  # slots of such outputs, and of what is made of them
    _there: dict[int, tuple["weakref.ref[Tensor]", int]] = field(default_factory=dict)

    def follow(self, event: Event) -> None:
        """An event has happened: will its results be learned from?"""
        starts = isinstance(event, Call) and event.modes.grad
        aside = not event.reads and any(isinstance(x, Kept) for x in placeholders(event.args))
        if starts or aside or event.reads & self._learned:
            self._learned |= event.writes

    def note(self, name: str, tensor: Tensor, known: Identities) -> None:
        """A tensor leaves in a call of this name."""
        if known.slot_of(tensor) not in self._learned:
            return
        frame = calling_frame()
        if not self.ways:
            self.known = known.given
            self._there = {id(t): (weakref.ref(t), version(t)) for t in _at_hand(frame)}
        self.ways[WAYS[name]] = site_of_frame(frame)

    def mark(self, event: Event, given: Any, known: Identities) -> None:
        """Mark an event that is given data which is new since then: it may be what left, come back."""
        if self.ways and any(self._is_new(t, known) for _, t in leaves(given)):
            event.returned = str(self)

    def _is_new(self, tensor: Tensor, known: Identities) -> bool:
        entry = known.data.get(id(tensor))
        if entry is None or entry[0]() is not tensor or entry[2].number < self.known:
            return False
        base = tensor._base  # noqa: SLF001 - a batch that was cut out of what was there
        return tensor.numel() > 1 and not (self._was_there(tensor) or self._was_there(base))

    def _was_there(self, tensor: Tensor | None) -> bool:
        seen, number = self._there.get(id(tensor), (None, 0))
        return seen is not None and seen() is tensor is not None and number == version(tensor)

    def clear(self) -> None:
        """What was computed has been learned from."""
        self.ways.clear()
        self._learned.clear()
        self._there.clear()

    def __bool__(self) -> bool:
        """Did any leave?"""
        return bool(self.ways)

    def __str__(self) -> str:
        """Name the last way and its place."""
        way, place = next(reversed(self.ways.items()))
        return f"through {way}{site_text(place)}"


def _at_hand(frame: FrameType | None) -> Iterator[Tensor]:
    """Yield the tensors that local names of a function and of its callers lead to, as a batch."""
    for _ in range(_CALLERS):
        if frame is None:
            return
        held = frame.f_locals
        for value in list(held.values()):
            yield from _tensors(value, _DEEP)
        if frame.f_code.co_flags & inspect.CO_OPTIMIZED and isinstance(held, dict):
            held.clear()  # a copy, which would keep everything alive until the function returns
        frame = frame.f_back


def _tensors(value: Any, depth: int) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, list | tuple):
        for entry in value[:_LONG]:
            yield from _tensors(entry, depth - 1)
    elif depth and not isinstance(value, nn.Module | type | ModuleType):
        held = value if isinstance(value, dict) else getattr(value, "__dict__", None)
        if isinstance(held, dict):
            yield from _tensors(list(held.values()), depth)
