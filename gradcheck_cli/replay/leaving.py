"""Values that leave torch within a step: for numpy or for plain Python numbers."""

import inspect
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType, ModuleType
from typing import Any

from torch import Tensor, nn

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
class Left:
    """What left at one place, and what was there when it last did."""

    outputs: frozenset[int]  # slots of the outputs of which values left
    known: int  # so many data were known
    there: dict[int, tuple["weakref.ref[Tensor]", int]]  # tensors at hand, and their versions

    def is_new(self, tensor: Tensor, known: Identities) -> bool:
        """Is it data that was not there?"""
        entry = known.data.get(id(tensor))
        if entry is None or entry[0]() is not tensor or entry[2].number < self.known:
            return False
        base = tensor._base  # noqa: SLF001 - a batch that was cut out of what was there
        return tensor.numel() > 1 and not (self._had(tensor) or self._had(base))

    def _had(self, tensor: Tensor | None) -> bool:
        seen, number = self.there.get(id(tensor), (None, 0))
        return seen is not None and seen() is tensor is not None and number == version(tensor)


@dataclass(slots=True)
class Leaving:
    """Where outputs left torch before they were learned from, and what was there by then.

    Once a backward pass has used them, what is made of their values is data of a later step, as
    experience is; so it is where no loss is computed from the calls that they came from.
    """

    places: dict[str, Left] = field(default_factory=dict)  # by how they left, and where
    _made_of: dict[int, frozenset[int]] = field(default_factory=dict)  # by slot, those of outputs
    _last: frozenset[int] = frozenset()  # those of the last call

    def follow(self, event: Event) -> None:
        """An event has happened: which outputs are its results made of?"""
        known, writes = self._made_of, frozenset(event.writes)
        made_of = frozenset().union(*(known[slot] for slot in event.reads if slot in known))
        if isinstance(event, Call) and event.modes.grad:
            self._last = made_of = writes
        elif not event.reads and any(isinstance(x, Kept) for x in placeholders(event.args)):
            made_of |= self._last
        if made_of:
            known.update(dict.fromkeys(writes, made_of))

    def note(self, name: str, tensor: Tensor, known: Identities) -> None:
        """A tensor leaves in a call of this name."""
        outputs = self._made_of.get(known.slot_of(tensor) or 0)
        if outputs is None:
            return
        frame = calling_frame()
        place = f"through {WAYS[name]}{site_text(site_of_frame(frame))}"
        before = self.places.pop(place, None)
        there = {id(t): (weakref.ref(t), version(t)) for t in _at_hand(frame)}
        outputs |= before.outputs if before is not None else frozenset()
        self.places[place] = Left(outputs, known.given, there)

    def mark(self, event: Event, given: Any, known: Identities) -> None:
        """Mark an event that is given data which is new since then: it may be what left, come back."""
        if not self.places:
            return
        tensors = [tensor for _, tensor in leaves(given)]
        event.since = tuple(
            (place, left.outputs)
            for place, left in self.places.items()
            if any(left.is_new(t, known) for t in tensors)
        )

    def clear(self) -> None:
        """What was computed has been learned from."""
        self.places.clear()
        self._made_of.clear()

    def __bool__(self) -> bool:
        """Did any leave?"""
        return bool(self.places)

    def __str__(self) -> str:
        """Name the last way and its place."""
        return next(reversed(self.places))


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
