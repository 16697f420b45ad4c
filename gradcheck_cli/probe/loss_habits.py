"""What inspected steps show of the loss that is a mistake of the loop: blind terms, ignored labels, sums."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from gradcheck_cli.ops import CLASS_LOSSES
from gradcheck_cli.probe.accumulating import Accumulating
from gradcheck_cli.probe.comparisons import Comparisons
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.tasks import Tasks
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
    tasks: Tasks = field(default_factory=Tasks)

    def saw(self, step: Comparisons, tasks: Tasks) -> None:
        """An inspected step has ended; `tasks` are those of its loss, over all of them."""
        self.tasks = tasks
        self.steps += 1
        self.blind += bool(step.blind.found)
        self.places.update(step.blind.found)
        step.backward_ended()
        self.accumulating.saw(step.found, step.passes, step.backward_at)
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
        if self.blind:
            at = next((x for x in self.places if x is not None), None)
            yield Habit(kind=Kind.BLIND_TERM, times=self.blind, of=self.steps, at=at)
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
