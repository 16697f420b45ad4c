"""Updates before which the same line set the same seed again, so that each of them draws the same random numbers."""

import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral
from types import FrameType
from typing import Any

import torch

from gradcheck_cli.probe.hooking import in_backward, unheard
from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.randomness import capture

_KEPT = 64  # lines and seeds that are told apart: a seed that is new in each step is no mistake
_BETWEEN = {f"gradcheck_cli.probe.{name}" for name in ("seeds", "replacing", "shield")}
TORCH, NUMPY, PYTHON = "torch.manual_seed", "np.random.seed", "random.seed"

Key = tuple[str, str, SourceSite | None]  # the function, the seed, the line


@dataclass(slots=True)
class Seeding:
    """What was drawn since a seed was set."""

    key: Key
    position: Any  # of the generator, up to which draws are accounted for
    seen: bool = False  # are calls of models seen, as in inspected steps?
    drawn: bool = False  # by the training
    inside: bool = False  # by a model that it trains

    def look(self, *, counts: bool = True, inside: bool = False) -> None:
        """Account for what was drawn since the last look."""
        now = _position(self.key[0])
        if counts and now != self.position:
            self.drawn, self.inside = True, self.inside or inside
        self.position = now


@dataclass(slots=True)
class Times:
    """Updates before which a seed was set; where calls of models were seen, those alone tell what was drawn."""

    looked: Counter[bool] = field(default_factory=Counter)  # by whether they were seen
    drawn: Counter[bool] = field(default_factory=Counter)
    inside: int = 0

    def add(self, seeding: Seeding) -> None:
        """Count one more."""
        self.looked[seeding.seen] += 1
        self.drawn[seeding.seen] += seeding.drawn
        self.inside += seeding.inside

    def shares(self) -> dict[str, float]:
        """Return in how many of the updates the training drew, and its model."""
        seen = self.looked[True] > 0
        looked = self.looked[seen]
        return {"drawn": self.drawn[seen] / looked, "inside": self.inside / looked}


@dataclass(slots=True)
class Seeds:
    """Watches what sets seeds; it reads generators, and never draws."""

    elsewhere: Callable[[], bool]  # does another thread run than the one that is watched?
    times: dict[Key, Times] = field(default_factory=dict)
    shuffled: set[int] = field(default_factory=set)  # how many were put into an order by chance
    _watches_orders: bool = False
    _trains: bool = True  # the model that runs
    _stack: ExitStack = field(default_factory=ExitStack)
    _since: dict[str, Seeding] = field(default_factory=dict)  # the last update, by function

    def watch(self, stack: ExitStack) -> None:
        """Watch the functions that set a seed, or put a generator back, until the stack closes."""
        owners = [(torch, TORCH), (torch.random, TORCH), (random, PYTHON)]
        owners += [(n.random, NUMPY)] if (n := sys.modules.get("numpy")) is not None else []
        back = {TORCH: "set_rng_state", NUMPY: "set_state", PYTHON: "setstate"}
        for owner, name in owners:
            seeds, puts = partial(self._seeds, name), partial(self._puts_back, name)
            stack.enter_context(replaced(owner, name.rpartition(".")[2], seeds))
            stack.enter_context(replaced(owner, back[name], puts))
        self._stack = stack

    def runs(self, *, trains: bool) -> None:
        """A model begins to run; what was drawn for one that is evaluated is no matter of the training."""
        self._trains = trains
        for seeding in self._since.values():
            seeding.seen = True
            seeding.look(counts=trains)

    def ran(self) -> None:
        """It has run."""
        for seeding in self._since.values():
            seeding.look(counts=self._trains, inside=True)

    def updated(self) -> None:
        """An optimizer has stepped."""
        for seeding in self._since.values():
            seeding.look()
            if seeding.key in self.times and not self._watches_orders:
                self._watch_orders()
            if seeding.key in self.times or len(self.times) < _KEPT:
                self.times.setdefault(seeding.key, Times()).add(seeding)
        self._since.clear()

    def habits(self, updates: int, marks: Sequence[Any], rows: int) -> Iterator[Habit]:
        """Say which seed was set before most updates; `marks` are of the inputs, which have `rows` samples."""
        drew = {k: t.looked.total() for k, t in self.times.items() if t.shares()["drawn"]}
        if key := max(drew, key=lambda k: drew[k], default=None):
            of_all = {"same": len(set(marks)) == 1, "all": rows in self.shuffled, "rows": rows}
            told = self.times[key].shares() | {name: float(v) for name, v in of_all.items()}
            kind, (call, seed, at) = Kind.SEEDED, key
            yield Habit(
                kind=kind, times=drew[key], of=updates, at=at, names=(call, seed), numbers=told
            )

    def _seeds(self, name: str, original: Any, *args: Any, **kwargs: Any) -> Any:
        seed = _first(args, kwargs)
        if self.elsewhere() or _is_ours() or not isinstance(seed, Integral | str):
            return original(*args, **kwargs)
        before = self._since.pop(name, None)
        if before is not None:
            before.look()
        result = original(*args, **kwargs)
        new = self._since[name] = Seeding((name, repr(seed), user_site()), _position(name))
        if before is not None and before.key == new.key:
            new.seen, new.drawn, new.inside = before.seen, before.drawn, before.inside
        return result

    def _watch_orders(self) -> None:
        """Watch what puts samples into an order by chance, on which a step that takes all of them does not depend."""
        self._watches_orders = True
        owners = [(torch, "randperm"), (random, "shuffle")]
        if (numpy := sys.modules.get("numpy")) is not None:
            owners += [(numpy.random, "permutation"), (numpy.random, "shuffle")]
        for owner, name in owners:
            self._stack.enter_context(replaced(owner, name, self._orders))

    def _orders(self, original: Any, *args: Any, **kwargs: Any) -> Any:
        what = _first(args, kwargs)
        if isinstance(what, Integral) or getattr(what, "ndim", 1) == 0:
            self.shuffled.add(int(what))
        elif isinstance(what, Sized):
            self.shuffled.add(len(what))
        return original(*args, **kwargs)

    def _puts_back(self, name: str, original: Any, *args: Any, **kwargs: Any) -> Any:
        if not (self.elsewhere() or in_backward() or _is_ours()):
            self._since.pop(name, None)  # a spell of its own is over, as that of `fork_rng`
        return original(*args, **kwargs)


def _first(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return next(iter((*args, *kwargs.values())), None)


@unheard
def _position(name: str) -> Any:
    """Return where a generator stands, as what can be compared."""
    state = capture()
    if name == PYTHON:
        return state.python
    if name == NUMPY:
        return state.numpy[1].tobytes(), state.numpy[2:]
    return [t.tolist() for t in (state.host, *state.cuda)]


def _is_ours() -> bool:
    """Is it a line of gradcheck that calls the watched function?"""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to look up the stack
    while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).startswith("gradcheck_cli.")
