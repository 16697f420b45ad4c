"""Which steps of a long training are looked at: the first ones closely, later ones now and then."""

from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite

ALL = 100  # a run that is stopped within so many steps is observed in every step
_INSPECT_EVERY = 5
_LONG = 1000  # steps; from then on, with each doubling, steps are read half as often
_JUMP = 3.0  # times the largest loss so far


@dataclass(frozen=True, slots=True)
class Sampling:
    """The choice depends on step numbers and losses only, so equal runs are read alike.

    `first` steps are observed one by one, the later ones at distances that grow by half each time, or
    double where it is `sparing`, up to `every`, and from 2,000 steps on with their number, as only so
    many readings are kept; `last` is the number of steps after which the run is stopped, if it is.
    """

    first: int = 8
    every: int = 100
    last: int | None = None
    sparing: bool = False  # distances double: what is compiled runs eagerly in these steps

    @property
    def dense(self) -> bool:
        """Is every step observed?"""
        return self.last is not None and self.last <= ALL

    def observes(self, index: int) -> bool:
        """Are the layers read in step `index`, counted from 0?"""
        if index < self.first or (self.last is not None and (self.dense or self._is_last(index))):
            return True
        growing, end = _growing(self.first, self.every, self.sparing)
        if index <= end:
            return index in growing
        # What is no multiple of `every` is none of the distance either: most steps end here.
        return (index - end) % self.every == 0 and (index - end) % self._distance(index) == 0

    def following(self, index: int) -> int:
        """Return the first step from `index` on whose layers are read: steps before need not ask."""
        growing, end = _growing(self.first, self.every, self.sparing)
        found = index
        while not self.observes(found):
            if found < end:
                found = min(step for step in growing if step > found)
            else:
                found += self.every - (found - end) % self.every
        return found if self.last is None or index >= self.last else min(found, self.last - 1)

    def inspects(self, index: int) -> bool:
        """Is it also watched what happens between the layers?"""
        if index < 2 or self._is_last(index):
            return True
        near = self.dense or index < self.first
        if near:
            return index % _INSPECT_EVERY == 0
        sparse = index >= _LONG and (index // self._distance(index)) % 2
        return not sparse and self.observes(index)

    def _distance(self, index: int) -> int:
        return self.every << max(0, (index // _LONG).bit_length() - 1)

    def _is_last(self, index: int) -> bool:
        return self.last is not None and index == self.last - 1


@lru_cache
def _growing(first: int, every: int, sparing: bool) -> tuple[frozenset[int], int]:
    """Return the steps whose distances still grow, and the last of them."""
    points = [first]
    while (gap := max(1, points[-1] // (1 if sparing else 2))) < every:
        points.append(points[-1] + gap)
    return frozenset(points), points[-1]


@dataclass(slots=True)
class Alarm:
    """Rings when a loss is far above all before it, or no number: the next step is worth a look."""

    ringing: bool = False
    _peak: float = field(default=0.0)

    def hears(self, loss: float) -> None:
        """A step ended with `loss`."""
        size = abs(loss)
        if size <= self._peak:  # most end here
            self.ringing = False
            return
        self.ringing = not isfinite(loss) or size > _JUMP * self._peak > 0
        if isfinite(loss):
            self._peak = size
