"""GC402 update-too-large."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.records.trace import Trace
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
from gradcheck_cli.rules.profile import late, typical, update_ratio
from gradcheck_cli.rules.progress import State, progress


@rule("GC402", "update-too-large")
def update_too_large(trace: Trace, *, ratio: float = 0.1) -> Iterator[Hit]:
    """Each step changes the weights by a large part of their size.

    Measures  norm(change) / norm(weight) per step, of what the optimizer really did; the median over
              layers, of the late steps or of the whole run, whichever is larger.
    Reports   a ratio above `ratio`.
    Matters   the gradient describes the loss near the present weights only; far from them it is noise.
    Severity  error when the loss diverges or does not fall; nothing while the network learns.
    Not for   layers that start at zero, whose first steps are large beside nothing.
    Sources   Karpathy, cs231n notes (a ratio near 1e-3 is usual).
    """
    rows = [
        (x, value) for x in trace.weight_layers if (value := _typical(trace, x.path)) is not None
    ]
    if not rows:
        raise CannotTellError("no update of a weight was observed")
    state = progress(trace)
    if state.state is State.UNKNOWN:
        raise CannotTellError("too few steps to say what large updates do to the loss")
    middle = median(value for _, value in rows)
    if middle <= ratio or state.fine or state.state is State.SLOW:
        return
    large = [x for x, value in rows if value > ratio]
    yield Hit(
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        message=f"A single step changes a layer by {number(100 * middle)} % of its size (median over layers), "
        f"and the loss is {state.state.value}.",
        layers=in_order(large),
        evidence=(Evidence("median change of a layer per step", middle, ratio, "of its norm"),),
    )


def _typical(trace: Trace, path: str) -> float | None:
    values = [
        typical(steps, path, update_ratio)
        for steps in (late(trace), trace.observed, trace.observed[:3])
    ]
    return max((v for v in values if v is not None), default=None)
