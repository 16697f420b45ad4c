"""What inspected steps show of the loss that is a mistake: blind terms, ignored labels, sums, tasks."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch

from gradcheck_cli.ops import CLASS_LOSSES
from gradcheck_cli.probe.comparisons import Comparisons
from gradcheck_cli.probe.domains import Domains
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.makers import Makers
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.weighed import WeighedByAll
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.records.trace import Cut
from gradcheck_cli.targets.sources import resolved

FEWEST = 8  # inspected steps

Place = tuple[str, int]  # the kind of comparison, and which one of that kind
Part = tuple[float, float]  # what it lost in a step, and what the best constant would have lost


@dataclass(slots=True)
class Tasks:
    """Which part of one loss each task makes, and how far it is below its own constant, over the inspected steps."""

    at: dict[Place, tuple[Any, ...]] = field(default_factory=dict)  # in the source
    steps: list[Mapping[Place, Part]] = field(default_factory=list)

    def saw(self, parts: Mapping[Place, Part]) -> None:
        """An inspected step compared in these places, all of whose constants are known."""
        if len(parts) > 1 and all(constant > 0 for _, constant in parts.values()):
            self.steps.append(parts)

    def habits(self) -> Iterator[Habit]:
        """Say of each task how it stands, and the one that is learned best beside it; in the order of the loss."""
        places = set(self.steps[0]) if self.steps else set()
        if len(self.steps) < FEWEST or any(set(parts) != places for parts in self.steps):
            return
        last = self.steps[-max(3, len(self.steps) // 3) :]
        stands = {p: median(s[p][0] / s[p][1] for s in last) for p in places}
        share = {
            p: median(s[p][1] / sum(c for _, c in s.values()) for s in self.steps) for p in places
        }
        many = len(self.steps)
        for place in self.steps[0]:
            best = min(stands[p] for p in places if p != place)
            numbers = {"share": share[place], "stands": stands[place], "others": best}
            yield Habit(
                kind=Kind.DROWNED,
                times=many,
                of=many,
                at=resolved(*at[0]) if (at := self.at.get(place)) else None,
                names=place[:1],
                numbers=numbers,
            )


_ALIKE = 0.02  # by which weights and norms may differ from what they are compared with


@dataclass(slots=True)
class Accumulating:
    """Counts inspected steps whose backward passes all began at one place, from undivided losses.

    How much a loss counts is the gradient that arrives at its value: 1 where a mean loss is left as it is,
    1/k where it is divided by k. What divides the gradients themselves shows in their norm.
    """

    steps: int = 0
    summed: int = 0
    passes: Counter[int] = field(default_factory=Counter)  # in a step
    at: SourceSite | None = None
    _pending: tuple[int, float, SourceSite | None] | None = None  # passes, weight of each, place

    def saw(
        self, calls: Sequence[LossCall], passes: Sequence[Hashable], at: SourceSite | None
    ) -> None:
        """An inspected step has ended; `passes` says where each of its backward passes began."""
        self._pending = None
        if len(passes) < 2 or len(set(passes)) > 1:  # several losses, each at a line of its own
            return
        by_pass = [[c for c in calls if c.in_pass == n and _is_mean(c)] for n in range(len(passes))]
        if not all(by_pass) or len({frozenset(c.of for c in means) for means in by_pass}) > 1:
            return  # heads of several tasks, in turn
        weights = [max(float(c.coefficient) for c in means) for means in by_pass]  # type: ignore[arg-type]
        if max(weights) - min(weights) <= _ALIKE * max(weights):
            self._pending = len(passes), max(weights), at

    def settle(self, scale: float, clip: float | None) -> None:
        """The step is over: `scale` is in the weights, `clip` how much smaller the gradients became."""
        self.steps += 1
        if self._pending is None or clip is None:
            return
        count, weight, at = self._pending
        self._pending = None
        if abs(weight / scale - 1) <= _ALIKE and abs(clip - 1) <= _ALIKE:
            self.summed += 1
            self.passes[count] += 1
            self.at = self.at or at

    def habit(self) -> Habit | None:
        """Say what was counted; nothing where it never happened."""
        if not self.summed:
            return None
        [(usual, _)] = self.passes.most_common(1)
        return Habit(
            kind=Kind.SUMMED,
            times=self.summed,
            of=self.steps,
            at=self.at,
            numbers={"passes": float(usual)},
        )


def _is_mean(call: LossCall) -> bool:
    """Is it the mean over a batch, of targets that differ? Those of a critic are all alike."""
    target = call.target
    if call.coefficient is None or call.coefficient.numel() != 1 or target is None:
        return False
    varies = target.numel() < 2 or bool((target != target.reshape(-1)[0]).any())
    return varies and call.options.get("reduction", "mean") == "mean" and not call.mutual


_IGNORED = -100  # as torch's losses have it, unless they are told


@dataclass(slots=True)
class LossHabits:
    """Counts over inspected steps."""

    steps: int = 0
    blind: int = 0
    places: dict[SourceSite | None, bool] = field(default_factory=dict)  # of a derivative?
    compared: int = 0
    ignored: int = 0
    accumulating: Accumulating = field(default_factory=Accumulating)
    tasks: Tasks = field(default_factory=Tasks)
    domains: Domains = field(default_factory=Domains)
    weighed: WeighedByAll = field(default_factory=WeighedByAll)
    broken: Counter[Cut] = field(default_factory=Counter)
    makers: Makers = field(default_factory=Makers)

    def saw(self, step: Comparisons, tasks: Tasks, broken: Iterable[Cut]) -> None:
        """An inspected step has ended; `tasks` are those of its loss, over all of them.

        `broken` are calls whose backward pass made what is no number.
        """
        self.tasks = tasks
        self.broken.update(list(broken))
        self.steps += 1
        self.blind += bool(step.blind.found)
        self.places.update(step.blind.found)
        step.backward_ended()
        self.accumulating.saw(step.found, step.passes, step.backward_at)
        self.domains.saw(step.found)
        self.weighed.saw(step.weighings.found)
        labeled = [c for c in step.found if c.target is not None]
        ignored = [_counts_nothing(c, blanked=step.blanked) for c in labeled]
        self.compared += bool(labeled)
        self.ignored += bool(ignored) and all(ignored)

    def settle(self, scale: float, clip: float | None) -> None:
        """The step is over: the scaler's factor, and the norm of gradients as used by that as they came."""
        if self.accumulating.steps < self.steps:  # it was inspected
            self.accumulating.settle(scale, clip)

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if (summed := self.accumulating.habit()) is not None:
            yield summed
        yield from self.tasks.habits()
        yield from self.domains.habits()
        yield from self.weighed.habits()
        broken = {**dict.fromkeys(self.makers.slopes.broken, 1), **self.broken}
        for call, times in broken.items():
            yield Habit(kind=Kind.BROKE, times=times, of=self.steps, at=call.at, names=_named(call))
        if (first := self.makers.forward) is not None:
            names = _named(first)
            yield Habit(kind=Kind.MADE_NONE, times=1, of=self.steps, at=first.at, names=names)
        if self.blind:
            at = next((x for x in self.places if x is not None), None)
            names = ("derivative",) if self.places.get(at) else ()
            yield Habit(kind=Kind.BLIND_TERM, times=self.blind, of=self.steps, at=at, names=names)
        if self.ignored:
            yield Habit(kind=Kind.IGNORED, times=self.ignored, of=self.compared)


def _counts_nothing(call: LossCall, *, blanked: bool) -> bool:
    """Is there no target, or is each ignored, weighed with 0 or masked out?

    A loss that is 0 by itself, as that of a margin that is kept, was not `blanked`.
    """
    target, weight = call.target, call.options.get("weight")
    if target is None or unreadable(target) is not None:
        return False
    if not target.numel() or (isinstance(weight, torch.Tensor) and not weight.any()):
        return True
    if call.kind in CLASS_LOSSES and not target.is_floating_point():
        ignored = call.options.get("ignore_index", _IGNORED)
        if bool((target == ignored).all()):
            return True
    output = call.output
    return blanked and (call.unused or (output is not None and not output.any()))


def _named(call: Cut) -> tuple[str, ...]:
    return (call.operation,) if call.layer is None else (call.operation, call.layer)
