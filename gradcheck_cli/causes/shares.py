"""What the counterfactual passes say: the share of the lost signal that each intervention brings back.

Reading rules. A symptom that the initial state does not show is dynamics: training made it. Of
interventions that bring back most of what was lost, the one furthest upstream is the cause, and those
that bring back the same are its rivals. Standardizing layers helps against nearly everything and is
evidence for nothing by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import log10

from gradcheck_cli.features.circumstances import HARMLESS
from gradcheck_cli.records.examination import Moment, Pass
from gradcheck_cli.records.trace import Trace

ENOUGH = 0.7  # of what was lost: from here an intervention explains it alone
LEAST_LOST = 1.0  # decades: layers of sound networks lie a factor of ten apart
INPUTS = "standardized inputs"
CUT = "cut edges"
FACTORS = "constant factors"
SOFTMAXES = "softmax between layers"
SCORES = "scale of the scores of attention"
OUTPUT = "output operation"
LOGITS = "scale of the outputs"
STATISTICS = "batch statistics"
GATES = "open gates"
BOUNDED_SLOPES = "slopes of bounded nonlinearities"
ONE_SIDED_SLOPES = "slopes of one-sided nonlinearities"
WEIGHTS = "scale of the weights"
RECURRENCE = "orthogonal recurrence"
SKIPS = "skip connections"
STANDARDIZED = "standardized layers"

# What they change, in the order in which a signal meets it.
_CHANGES = {
    CUT: "the cut edges joined",
    INPUTS: "inputs of mean 0 and deviation 1",
    FACTORS: "constant factors left out",
    SOFTMAXES: "the gradient handed past the softmaxes between layers",
    SCORES: "scores of attention of deviation 1",
    OUTPUT: "the gradient handed past what follows the last layer",
    LOGITS: "outputs of deviation 1",
    STATISTICS: "batch normalization on the statistics of the batch",
    GATES: "gates that are open",
    BOUNDED_SLOPES: "the slopes of sigmoids and tanhs set to 1 in the backward pass",
    ONE_SIDED_SLOPES: "the slopes of ReLUs and their kin set to 0.71 in the backward pass",
    WEIGHTS: "weights scaled to outputs of deviation 1",
    RECURRENCE: "orthogonal recurrent weights and open gates",
    SKIPS: "a skip connection around each layer",
    STANDARDIZED: "the outputs of each layer standardized",
}
UPSTREAM = tuple(_CHANGES)
ABOVE_DEPTH = (INPUTS, CUT, FACTORS, SOFTMAXES, SCORES, OUTPUT, STATISTICS, GATES, BOUNDED_SLOPES)


def restored(base: Pass, other: Pass) -> float:
    """Return the share in 0..1 of what is lost that a pass brings back, of the measure that lost most."""
    if not base.finite:
        return float(other.finite)
    if not other.finite:
        return 0.0
    before, after = max(
        (base.lost, other.lost),
        (base.weak, other.weak),
        (base.over_time, other.over_time),
        (base.above, other.above),
    )
    if before < LEAST_LOST:
        return 0.0
    return min(max((before - max(after, 0.0)) / before, 0.0), 1.0)


def deficit(base: Pass) -> float:
    """Return the decades that are lost in a pass, infinite where there is no number."""
    if not base.finite:
        return float("inf")
    return max(base.lost, base.weak, base.over_time, base.above)


@dataclass(frozen=True, slots=True)
class Share:
    """What one intervention brings back alone, and the factor by which it changed a scale."""

    value: float = 0.0
    factor: float = 1.0

    @property
    def decades(self) -> float:
        """The size of that factor in decades; positive where something was scaled up."""
        return log10(self.factor) if self.factor > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Shares:
    """The passes of one moment, read."""

    moment: Moment
    base: Pass
    of: dict[str, Share] = field(default_factory=dict)
    pairs: dict[tuple[str, ...], float] = field(default_factory=dict)
    dynamic: bool = False  # the initial state was sound

    def __getitem__(self, name: str) -> Share:
        """What this intervention brings back; nothing where there was nothing to change."""
        return self.of.get(name, Share())

    @property
    def lost(self) -> float:
        """The decades that are lost."""
        return deficit(self.base)

    @property
    def along_time(self) -> bool:
        """Is most of it lost along time?"""
        return self.base.finite and self.base.over_time >= max(self.lost, 2.0)

    def told(self, name: str, value: float | None = None) -> str:
        """Return the sentence that says what an intervention brought back."""
        share = self[name].value if value is None else value
        when = "before the first update" if self.moment is Moment.START else "in the latest state"
        if not self.base.finite:
            return f"with {_changed(name)}, loss and gradients are numbers (tried {when})"
        return (
            f"with {_changed(name)}, {100 * share:.0f} % of the {self.lost:.1f} orders of magnitude "
            f"that gradients lose come back (tried {when})"
        )


def _changed(name: str) -> str:
    return _CHANGES.get(name, name)


def shares(trace: Trace) -> Shares | None:
    """Return what the passes say: of the initial state if it lost anything, else of the latest.

    A loss that training has more than doubled from below `HARMLESS` is of the latest state, too. None where no pass was made or neither state lost as much as `LEAST_LOST`.
    """
    start, late = (read(trace.passes, moment) for moment in (Moment.START, Moment.LATE))
    sick_at_start = start is not None and start.lost >= LEAST_LOST
    lost_since = late is not None and start is not None and late.lost - start.lost > start.lost
    grown = lost_since and start is not None and start.lost < HARMLESS
    if sick_at_start and not grown:
        return start
    if late is None or late.lost < LEAST_LOST:
        return None
    return Shares(late.moment, late.base, late.of, late.pairs, dynamic=start is not None)


def read(passes: Iterable[Pass], moment: Moment) -> Shares | None:
    """Return what the passes of one moment restore, None where none was made."""
    made = [p for p in passes if p.moment is moment]
    base = next((p for p in made if not p.names), None)
    if base is None:
        return None
    alone = {
        p.names[0]: Share(restored(base, p), p.factor or 1.0) for p in made if len(p.names) == 1
    }
    pairs = {p.names: restored(base, p) for p in made if len(p.names) > 1}
    return Shares(moment, base, alone, pairs)
