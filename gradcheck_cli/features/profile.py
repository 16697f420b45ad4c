"""Numbers per layer over time and depth, from which rules judge; all free of units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import median

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Layer, Reading, Step, Trace

Quantity = Callable[[Reading], float | None]


@once_per_trace
def late(trace: Trace) -> Sequence[Step]:
    """Return the last third of the observed steps, at least one."""
    observed = trace.observed
    return observed[-max(1, len(observed) // 3) :]


@once_per_trace
def first(trace: Trace) -> Sequence[Step]:
    """Return the first three observed steps."""
    return trace.observed[:3]


@once_per_trace
def begun(trace: Trace) -> Sequence[Step]:
    """Return the first observed step alone: the only one in which no update has changed the weights."""
    return trace.observed[:1]


def typical(steps: Sequence[Step], path: str, quantity: Quantity) -> float | None:
    """Return the median of a layer's finite values over `steps`, None where it was never measured."""
    values = [
        value
        for step in steps
        if (reading := step.readings.get(path)) is not None
        and (value := quantity(reading)) is not None
        and isfinite(value)
    ]
    return median(values) if values else None


def elasticity(reading: Reading) -> float | None:
    """Return norm(weight) * norm(gradient): how much the loss moves when the layer moves by 100 %."""
    if reading.weight is None or reading.weight_grad is None:
        return None
    return reading.weight.norm * reading.weight_grad.norm


def update_ratio(reading: Reading) -> float | None:
    """Return norm(change of the weight) / norm(weight) of one step, whatever the optimizer."""
    if reading.update is None or reading.weight is None or not reading.weight.norm:
        return None
    return reading.update.norm / reading.weight.norm


def gradient_rms(reading: Reading) -> float | None:
    """Return the root mean square of the weight's gradient."""
    return None if reading.weight_grad is None else reading.weight_grad.rms


def gradient_zeros(reading: Reading) -> float | None:
    """Return the share of exact zeros in the weight's gradient."""
    return None if reading.weight_grad is None else reading.weight_grad.zero_share


def moved_rms(reading: Reading) -> float | None:
    """Return the root mean square of the weight's change in the step."""
    return None if reading.update is None else reading.update.rms


def arriving_rms(reading: Reading) -> float | None:
    """Return the root mean square of the gradient at the layer's output."""
    return None if reading.output_grad is None else reading.output_grad.rms


def arriving_norm(reading: Reading) -> float | None:
    """Return the norm of the gradient at the layer's output."""
    return None if reading.output_grad is None else reading.output_grad.norm


def output_std(reading: Reading) -> float | None:
    """Return the standard deviation of the layer's output over samples and units."""
    return None if reading.output is None else reading.output.std


BLOWN = 20.0  # of the first outputs: a softmax over such scores has chosen


@once_per_trace
def first_logits(trace: Trace) -> float:
    """Return the standard deviation of the last layer's outputs before the first update."""
    last = [x for x in trace.weight_layers if x.depth == 0]
    return max((typical(begun(trace), x.path, output_std) or 0.0 for x in last), default=0.0)


@dataclass(frozen=True, slots=True)
class Depth:
    """A weight layer's place and strength in the late part of the run."""

    layer: Layer
    strength: float  # elasticity
    arriving: float | None
    update: float | None
    flow: float | None = None  # norm of the gradient at the output, which widths do not change
    at_start: float | None = None  # elasticity in the first steps


def depths(trace: Trace, steps: Sequence[Step] | None = None) -> list[Depth]:
    """Return every trained weight layer that a gradient reaches, deepest (lowest) first."""
    steps = late(trace) if steps is None else steps
    rows = []
    for layer in trace.weight_layers:
        weight = layer.weight
        if weight is None or not weight.trainable or layer.depth is None:
            continue
        strength = typical(steps, layer.path, elasticity)
        if strength is None:
            continue
        rows.append(
            Depth(
                layer,
                strength,
                typical(steps, layer.path, arriving_rms),
                typical(steps, layer.path, update_ratio),
                flow=typical(steps, layer.path, arriving_norm),
                at_start=typical(first(trace), layer.path, elasticity),
            )
        )
    return sorted(rows, key=lambda row: (-(row.layer.depth or 0), row.layer.order))


def whole_signal(trace: Trace, steps: Sequence[Step] | None = None) -> float | None:
    """Return sqrt(sum of squared elasticities) / |loss|: how strongly the network acts on its loss.

    What clipping takes from the gradient is given back.
    """
    steps = late(trace) if steps is None else steps
    clips = [s.clip for s in trace.observed if s.clip]
    clip = median(clips) if clips else 1.0
    values = []
    for step in steps:
        squares = [e * e for r in step.readings.values() if (e := elasticity(r)) is not None]
        if squares and isfinite(step.loss) and step.loss:
            values.append(sqrt(sum(squares)) / abs(step.loss) / clip)
    return median(values) if values else None


SORTED = 0.5  # of the classes that a batch would hold at random: with fewer, classes come in rows
DRIFTED = 10.0  # times smaller than at first: more than what augmentation does to inputs
CONSTANT = 0.999  # share of input features that never vary, above which the data holds nothing
DRAWN = (
    0.1  # of the samples that a pass could have drawn: with fewer, they are drawn again and again
)
DECAYED = 0.7  # of the weight norms: where less is left of them, weight decay takes them away


def drifts(trace: Trace, limit: float = DRIFTED) -> bool:
    """Do late inputs shrink, or grow by the square of that: what is explored spreads out by itself?"""
    ratio = trace.data.input_drift
    moved = ratio is not None and not 1 / limit <= ratio <= limit**2
    return moved and not trace.loss.surrogate


def rescaled(trace: Trace) -> tuple[str, Habit] | None:
    """Say where samples were scaled or shifted in place after they had been trained on."""
    for habit in trace.loop.habits_of(Kind.RESCALED) if trace.loop else ():
        by = f"each reading{habit.where}" if habit.at else "the loop"
        said = (
            f"{by} scales or shifts the data in place: {habit.times} of the first {habit.of} samples "
            "are no longer what was trained on, and each pass does it once more"
        )
        return said, habit
    return None


def few_drawn(trace: Trace, limit: float = DRAWN) -> tuple[str, str, float, float] | None:
    """Say where a loader never draws most of its samples, what was counted, how often, and its limit."""
    for habit in trace.loop.habits_of(Kind.FEW_DRAWN) if trace.loop else ():
        samples, weights = habit.numbers["samples"], habit.numbers["weights"]
        if weights < habit.of:
            said = (
                f"WeightedRandomSampler has {weights:.0f} weights for {habit.of:,} samples, so that only the first "
                f"{weights:.0f} can be drawn: it takes a weight for each sample, not for each class"
            )
            return said, "weights of the sampler", weights, habit.of
        if samples <= (least := limit * min(habit.times, habit.of)):
            said = (
                f"the sampler drew {samples:.0f} of {habit.of:,} samples, {habit.times:,} times in one pass: "
                "the others are never seen"
            )
            return said, "samples drawn in one pass", samples, least
    return None


@once_per_trace
def weights_left(trace: Trace) -> float:
    """Return what is left of the weight norms under a weight decay (median over layers), 1 without one."""
    ratios = []
    for layer in trace.weight_layers:
        before, after = (
            typical(steps, layer.path, weight_norm) for steps in (first(trace), late(trace))
        )
        if before and after is not None and any(p.weight_decay for p in layer.parameters):
            ratios.append(after / before)
    return median(ratios) if ratios else 1.0


def weight_norm(reading: Reading) -> float | None:
    """Return the norm of the weights."""
    return None if reading.weight is None else reading.weight.norm


def reference(rows: list[Depth]) -> float:
    """Return the strength of the strongest layer in the uppermost quarter of the depth.

    A layer that is applied again and again stands where it is applied last.
    """
    deepest = max(row.layer.depth or 0 for row in rows)
    upper = [row.strength for row in rows if last_depth(row.layer) <= deepest / 4]
    return max(upper or [row.strength for row in rows])


def last_depth(layer: Layer) -> int:
    """Return the depth at which a layer is applied last."""
    repeated = layer.calls > 1 and layer.shortest is not None
    return (layer.shortest if repeated else layer.depth) or 0


def passed_by(trace: Trace, rows: list[Depth], weak: Depth, enough: float) -> bool:
    """Does the gradient reach layers as deep as this one, on a way around it?

    A residual branch that hardly matters yet (queries and keys of near uniform attention, gates near
    zero) has a weak gradient of its own; nothing is lost on the way down.
    """
    return trace.skips and any(
        row.strength >= enough
        for row in rows
        if not _tied(row.layer) and last_depth(row.layer) >= (weak.layer.depth or 0)
    )


def _tied(layer: Layer) -> bool:
    """Does the layer get a gradient elsewhere too, as an embedding that is the head as well?"""
    return layer.weight is not None and bool(layer.weight.shared_with)
