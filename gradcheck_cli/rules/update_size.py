"""Steps too large or too small for the weights they change."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.circumstances import largest_update
from gradcheck_cli.features.profile import (
    begun,
    first,
    gradient_rms,
    late,
    typical,
    update_ratio,
    weight_norm,
)
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.trace import Layer, Trace
from gradcheck_cli.rules.answers import late_end, warming_up
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    in_order,
    number,
    rule,
)

FIRST, FIFTH = 3, 5  # steps that are the beginning at least; part of the run that is
SHRINKS = 0.9  # of the size of a layer at the beginning: less is left where decay is at work
WHOLE = 1.0  # of the size of a layer: such a step replaces it, whatever the loss does


@rule("GC402", "update-too-large")
def update_too_large(trace: Trace, *, ratio: float = 0.1) -> Iterator[Hit]:
    """Each step changes the weights by a large part of their size.

    Measures  norm(change) / norm(weight) per step, of what the optimizer really did; the median over
              layers, of the late steps, the whole run or its first fifth, whichever is larger.
    Reports   a ratio above `ratio`; where the size of the loss tells nothing, as of networks that are
              trained against each other, above 1.
    Matters   the gradient describes the loss near the present weights only; far from them it is noise.
    Severity  error when the loss diverges or does not fall; nothing while the network learns.
    Not for   layers that start at zero, whose first steps are large beside nothing; weights that weight
              decay shrinks: each step takes its share of them wherever the gradient points.
    Sources   Karpathy, cs231n notes (a ratio near 1e-3 is usual).
    """
    early = trace.observed[: max(FIRST, len(trace.observed) // FIFTH)]
    rows = [
        (x, value)
        for x in trace.weight_layers
        if not _decaying(trace, x)
        and (value := largest_update(trace, x.path, trace.observed, early)) is not None
    ]
    if not rows:
        raise CannotTellError("no update of a weight was observed")
    state = progress(trace)
    if state.state is State.UNKNOWN:
        raise CannotTellError("too few steps to say what large updates do to the loss")
    middle = median(value for _, value in rows)
    unrated = state.state is State.UNRATED
    limit = max(ratio, WHOLE) if unrated else ratio
    if middle <= limit or state.fine or state.state in {State.SLOW, State.KEPT}:
        return
    large = [x for x, value in rows if value > limit]
    loss = (
        "the size of the loss does not tell whether it learns"
        if unrated
        else f"the loss is {state.state.value}"
    )
    yield Hit(
        severity=Severity.ERROR,
        message=f"A single step changes a layer by {number(100 * middle)} % of its size (median over layers), "
        f"and {loss}.",
        layers=in_order(large),
        evidence=(Evidence("median change of a layer per step", middle, limit, "of its norm"),),
    )


def _decaying(trace: Trace, layer: Layer) -> bool:
    """Does weight decay take away more of the layer than a tenth?"""
    if not any(p.weight_decay for p in layer.parameters):
        return False
    before, after = (
        typical(steps, layer.path, weight_norm) for steps in (begun(trace), late(trace))
    )
    return before is not None and after is not None and after < SHRINKS * before


@rule("GC401", "update-too-small")
def update_too_small(trace: Trace, *, ratio: float = 1e-5, lost: float = 0.5) -> Iterator[Hit]:
    """The weights hardly change from step to step, in no layer.

    Measures  norm(change) / norm(weight) per step, of what the optimizer really did, for the layer that
              moves most, late in the run; and the share of weights that have a gradient and do not move
              because the change is below the last digit of the weight.
    Reports   a ratio below `ratio` (ten times that while the loss stalls) in every layer, or more than `lost` of the weights not moving.
    Matters   at 1e-5 a weight needs a hundred thousand steps to change by its own size.
    Severity  error when the loss does not fall; warning where rounding takes the changes and the loss comes below
              that of a constant prediction later than after as many steps more; else note, also while the
              learning rate warms up.
    Not for   converged models; single layers (the lower ones are the business of GC101).
    Sources   Karpathy, cs231n notes (a ratio near 1e-3 is usual); Micikevicius et al. 2018,
              arXiv:1710.03740, sec. 3.1 (updates lost to rounding).
    """
    rows = [
        (x, value)
        for x in trace.weight_layers
        if (value := typical(late(trace), x.path, update_ratio)) is not None
    ]
    if not rows:
        raise CannotTellError("no update of a weight was observed")
    state = progress(trace)
    layer, most = max(rows, key=lambda pair: pair[1])
    rounded = rounded_away(trace)
    if state.stuck:
        ratio *= 10
    if most >= ratio and rounded <= lost:
        return
    zero = [x for x, _ in rows if not typical(late(trace), x.path, gradient_rms)]
    if len(zero) == len(rows):
        return  # without any gradient there is nothing to move (GC103)
    grave = not state.fine and state.state is not State.UNKNOWN and not warming_up(trace)
    small = most < ratio
    slowed = rounded > lost and late_end(trace) is not None
    yield Hit(
        severity=Severity.ERROR if grave else Severity.WARNING if slowed else Severity.NOTE,
        confidence=Confidence.HIGH if grave else Confidence.MEDIUM,
        message=(
            f"Even the layer that moves most, {layer.path}, changes by only {number(most)} of its size per step."
            if small
            else f"{number(100 * rounded)} % of the weights have a gradient and do not move: the change is lost "
            "to rounding."
        ),
        layers=in_order([x for x, _ in rows]),
        evidence=(
            Evidence("largest change of a layer per step", most, ratio, "of its norm"),
            Evidence("share of weights whose change is lost to rounding", rounded, lost),
            Evidence("the same change in the first steps", _largest(trace), None, "of its norm"),
        ),
    )


def _largest(trace: Trace) -> float:
    values = (typical(first(trace), x.path, update_ratio) or 0.0 for x in trace.weight_layers)
    return max(values, default=0.0)


def rounded_away(trace: Trace) -> float:
    """Return the share of weights that have a gradient and do not move, late in the run: median over layers."""
    found = (typical(late(trace), x.path, lambda r: r.lost) for x in trace.weight_layers)
    shares = [share for share in found if share is not None]
    return median(shares) if shares else 0.0
