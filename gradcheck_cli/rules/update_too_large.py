"""GC402 update-too-large."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.growing import largest_update
from gradcheck_cli.features.profile import begun, late, typical, weight_norm
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.trace import Layer, Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
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
