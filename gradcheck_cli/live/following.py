"""A follower hears of a watched training as it goes on: readings of steps, findings, the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol

from gradcheck_cli.condensing import SERIES
from gradcheck_cli.probe.shield import theirs
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import Layer, Step

FEWEST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Readings:
    """What one observed step showed: `values[quantity][layer]`; `layers` in execution order."""

    step: int
    loss: float
    layers: Sequence[str]
    values: Mapping[str, Mapping[str, float]]


class Follower(Protocol):
    """Called from inside `optimizer.step()`; what it raises ends the loop."""

    def readings(self, said: Readings) -> None:
        """Take in what an observed step showed."""

    def finding(self, said: Finding, step: int) -> None:
        """Take in a new error or warning."""

    def report(self, said: Report) -> None:
        """Take in the report that was made when the watching ended, or fixes were tried."""


@dataclass(slots=True)
class Followers:
    """Hands on what happens; costs nothing where nobody follows."""

    each: Sequence[Follower] = ()
    _order: dict[str, int] = field(default_factory=dict)

    def step(self, step: Step, layers: Callable[[], Sequence[Layer]]) -> None:
        """Hand on the readings of a step; `layers` is asked only when a layer is new."""
        if not self.each:
            return
        if not step.readings.keys() <= self._order.keys():
            self._order = {layer.path: layer.order for layer in layers()}
        paths = sorted(step.readings, key=lambda path: self._order.get(path, len(self._order)))
        said = Readings(step.index, step.loss, paths, values_of(step, paths))
        for one in self.each:
            theirs(one.readings, said)

    def finding(self, finding: Finding, step: int) -> None:
        """Hand on a finding."""
        for one in self.each:
            theirs(one.finding, finding, step)

    def report(self, report: Report) -> Report:
        """Hand on the report, and return it."""
        for one in self.each:
            one.report(report)
        return report


def values_of(step: Step, paths: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the finite values of a step by quantity and layer, the layers in this order."""
    found: dict[str, dict[str, float]] = {}
    for name, quantity in SERIES.items():
        pairs = ((path, quantity(step.readings[path])) for path in paths)
        row = {path: value for path, value in pairs if value is not None and isfinite(value)}
        if row:
            found[name] = row
    return found


def numbered(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each path that sorts by its place: `007_encoder.3`."""
    digits = max(FEWEST_DIGITS, len(str(len(paths))))
    return {path: f"{place:0{digits}d}_{path}" for place, path in enumerate(paths)}
