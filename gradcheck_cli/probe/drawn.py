"""Which samples a loader draws in one pass, where its sampler can draw one again."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from torch.utils.data import WeightedRandomSampler

from gradcheck_cli.records.loop import Habit, Kind

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
            drawn = [
                i
                for i in (index if isinstance(index, list) else [index])
                if isinstance(i, Integral)
            ]
            self.times += len(drawn)
            self._samples.update(drawn)

    def habits(self, held: int) -> Iterator[Habit]:
        """Say how many of the `held` samples were drawn, where some were drawn again within a pass."""
        if self.times >= LEAST and len(self._samples) < self.times:
            numbers = {"samples": len(self._samples), "held": held, "weights": self.weights or held}
            told = {name: float(value) for name, value in numbers.items()}
            yield Habit(kind=Kind.FEW_DRAWN, times=self.times, of=held, numbers=told)
