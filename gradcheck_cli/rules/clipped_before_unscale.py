"""GC804 clipped-before-unscale."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC804", "clipped-before-unscale")
def clipped_before_unscale(trace: Trace, *, least: int = 3) -> Iterator[Hit]:
    """Gradients are clipped while the factor of the gradient scaler is still in them.

    Measures  at the first clippings of the norm, whether a scaler had scaled the loss and not yet
              unscaled the gradients, and whether their norm was above the limit.
    Reports   at least `least` such clippings.
    Matters   the limit is divided by the scale, so that a step is only a small part of what it should be.
    Severity  error; warning where an adaptive optimizer gives the step its size back.
    Not for   clipping after unscaling; scalers that are switched off.
    Sources   PyTorch documentation, Automatic Mixed Precision examples (gradient clipping).
    """
    habit = loop_of(trace).habit(Kind.CLIPPED_SCALED)
    if habit.times < least:
        return
    limit, scale = habit.numbers["limit"], habit.numbers["scale"]
    yield Hit(
        severity=Severity.WARNING if trace.adaptive else Severity.ERROR,
        message=f"The gradients are clipped to {number(limit)}{habit.where} while the loss scale of {number(scale)} is still "
        f"in them, which makes the limit {number(limit / scale)}: call `scaler.unscale_(optimizer)` before "
        "clipping.",
        evidence=(Evidence("clippings before unscaling", float(habit.times), 0.0),),
        at=habit.at,
    )
