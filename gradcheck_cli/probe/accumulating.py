"""Are the mean losses of several batches divided by their number before their gradients are added up?

How much a loss counts is the gradient that arrives at its value: 1 where a mean loss is left as it is,
1/k where it is divided by k. What divides the gradients themselves shows in their norm.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_ALIKE = 0.02  # by which weights and norms may differ from what they are compared with


@dataclass(slots=True)
class Accumulating:
    """Counts inspected steps whose backward passes all began at one place, from undivided losses."""

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
