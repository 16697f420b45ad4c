"""What schedulers that wait for a plateau are given, beside the loss of the training at that time."""

import linecache
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean
from typing import Any
from weakref import WeakKeyDictionary

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.records.trace import Step

_FEWEST = 4  # numbers that tell which way they go
_LOWERED = 3  # times, after which a rate teaches little and numbers hardly move
_MOST = 200  # numbers that are kept


@dataclass(slots=True)
class Given:
    """The numbers of one scheduler."""

    numbers: list[float] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)  # before each
    lowered: list[int] = field(default_factory=list)  # the numbers at which it lowered the rate
    calls: int = 0
    at: SourceSite | None = None


@dataclass(slots=True)
class Plateaus:
    """Notes each number that such a scheduler is given, and whether it lowered the rate then."""

    updates_of: Callable[[Optimizer], int] = lambda _: 0
    _given: WeakKeyDictionary[Optimizer, tuple[str, Given]] = field(
        default_factory=WeakKeyDictionary
    )

    def watch(self, stack: ExitStack) -> None:
        """Watch their steps until the stack closes."""
        stack.enter_context(replaced(ReduceLROnPlateau, "step", self._steps))

    def _steps(self, original: Any, scheduler: Any, *args: Any, **kwargs: Any) -> Any:
        optimizer = scheduler.optimizer
        before = [float(g["lr"]) for g in optimizer.param_groups]
        result = original(scheduler, *args, **kwargs)
        _, given = self._given.setdefault(optimizer, (scheduler.mode, Given()))
        given.calls += 1
        if len(given.numbers) < _MOST:
            given.at = given.at or user_site()
            if any(float(g["lr"]) < r for g, r in zip(optimizer.param_groups, before, strict=True)):
                given.lowered.append(len(given.numbers))
            given.numbers.append(float(args[0] if args else kwargs["metrics"]))
            given.updates.append(self.updates_of(optimizer))
        return result

    def habits(self, optimizers: Sequence[Optimizer], steps: Sequence[Step]) -> Iterator[Habit]:
        """Say how the numbers went by the time the rate had been lowered, and how the loss went along."""
        for optimizer in optimizers:
            mode, given = self._given.get(optimizer, ("", Given()))
            if not given.lowered or len(given.numbers) < _FEWEST:
                continue
            until = max(given.lowered[:_LOWERED][-1] + 1, _FEWEST)
            numbers = given.numbers[:until]
            sign = 1 if mode == "max" else -1  # of what it takes for progress
            ends = given.updates[:until]
            losses = [
                fmean([s.loss for s in steps if begin <= s.index < end] or [float("nan")])
                for begin, end in zip([0, *ends], ends, strict=False)
            ]
            where = linecache.getline(given.at.file, given.at.line) if given.at else ""
            yield Habit(
                kind=Kind.LOWERED,
                times=len(given.lowered),
                of=given.calls,
                at=given.at,
                names=(mode, where.partition(".step(")[2].strip()),
                numbers={
                    "first": numbers[0],
                    "last": numbers[-1],
                    "first loss": losses[0],
                    "last loss": losses[-1],
                    "of": float(until),
                    "records": float(_records([-sign * x for x in numbers])),
                    "progress": float(_records([sign * x for x in numbers])),
                    "together": _together(numbers, losses),
                },
            )


def _records(values: Sequence[float]) -> int:
    """Return how many are above all before."""
    return sum(x > max(values[:i]) for i, x in enumerate(values) if i)


def _together(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Kendall's tau: 1 where both always move the same way, -1 where never."""
    pairs = [(b - a) * (d - c) for (a, c), (b, d) in combinations(zip(one, other, strict=True), 2)]
    return fmean((x > 0) - (x < 0) for x in pairs)
