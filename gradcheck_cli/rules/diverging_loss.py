"""GC404 diverging-loss."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)


@rule("GC404", "diverging-loss")
def diverging_loss(trace: Trace) -> Iterator[Hit]:
    """The loss grows.

    Measures  the median of the last quarter of the losses against the first ones.
    Reports   a loss that has more than doubled and does not come down again.
    Matters   training leads away from a solution.
    Severity  error.
    Not for   losses that are not finite (GC501), or rise for a few steps of a warm-up and return.
    Sources   Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 8.2.4.
    """
    state = progress(trace)
    if state.state is State.UNKNOWN:
        raise CannotTellError("too few steps")
    if state.state is not State.DIVERGING:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"The loss grows from {number(state.start)} to {number(state.end)}.",
        evidence=(Evidence("loss at the end", state.end, 2 * state.start),),
    )
