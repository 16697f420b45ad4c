"""Several tasks in one loss: which part of it each comparison makes, and how far it is below its own constant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from gradcheck_cli.records.loop import Habit, Kind

FEWEST = 8  # inspected steps

Place = tuple[str, int]  # the kind of comparison, and which one of that kind
Part = tuple[float, float]  # what it lost in a step, and what the best constant would have lost


@dataclass(slots=True)
class Tasks:
    """Over the inspected steps."""

    _steps: list[Mapping[Place, Part]] = field(default_factory=list)

    def saw(self, parts: Mapping[Place, Part]) -> None:
        """An inspected step compared in these places, all of whose constants are known."""
        if len(parts) > 1 and all(constant > 0 for _, constant in parts.values()):
            self._steps.append(parts)

    def habits(self) -> Iterator[Habit]:
        """Say how the task that makes the least of the loss stands, and the one that is learned best beside it."""
        places = set(self._steps[0]) if self._steps else set()
        if len(self._steps) < FEWEST or any(set(parts) != places for parts in self._steps):
            return
        last = self._steps[-max(3, len(self._steps) // 3) :]
        stands = {p: median(s[p][0] / s[p][1] for s in last) for p in places}
        share = {
            p: median(s[p][1] / sum(c for _, c in s.values()) for s in self._steps) for p in places
        }
        least = min(places, key=lambda p: share[p])
        numbers = {
            "share": share[least],
            "stands": stands[least],
            "others": min(stands[p] for p in places if p != least),
        }
        many = len(self._steps)
        yield Habit(kind=Kind.DROWNED, times=many, of=many, names=least[:1], numbers=numbers)
