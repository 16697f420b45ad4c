"""What inspected steps show of the loss that is a mistake of the loop: blind terms, ignored labels, sums."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from gradcheck_cli.ops import CLASS_LOSSES
from gradcheck_cli.probe.accumulating import Accumulating
from gradcheck_cli.probe.comparisons import Comparisons
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_IGNORED = -100  # as torch's losses have it, unless they are told


@dataclass(slots=True)
class LossHabits:
    """Counts over inspected steps."""

    steps: int = 0
    blind: int = 0
    places: dict[SourceSite | None, None] = field(default_factory=dict)
    compared: int = 0
    ignored: int = 0
    accumulating: Accumulating = field(default_factory=Accumulating)

    def saw(self, step: Comparisons) -> None:
        """An inspected step has ended."""
        self.steps += 1
        self.blind += bool(step.blind.found)
        self.places.update(step.blind.found)
        step.backward_ended()
        self.accumulating.saw(step.found, step.passes, step.backward_at)
        labeled = [c for c in step.found if c.kind in CLASS_LOSSES and c.target is not None]
        self.compared += bool(labeled)
        self.ignored += bool(labeled) and all(map(_ignores_all, labeled))

    def settle(self, scale: float, clip: float | None) -> None:
        """The step is over: the scaler's factor, and the norm of gradients as used by that as they came."""
        if self.accumulating.steps < self.steps:  # it was inspected
            self.accumulating.settle(scale, clip)

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if (summed := self.accumulating.habit()) is not None:
            yield summed
        if self.blind:
            at = next((x for x in self.places if x is not None), None)
            yield Habit(kind=Kind.BLIND_TERM, times=self.blind, of=self.steps, at=at)
        if self.ignored:
            yield Habit(kind=Kind.IGNORED, times=self.ignored, of=self.compared)


def _ignores_all(call: LossCall) -> bool:
    target = call.target
    if target is None or target.is_floating_point():
        return False
    return bool((target == call.options.get("ignore_index", _IGNORED)).all())
