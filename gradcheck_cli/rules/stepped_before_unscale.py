"""GC822 stepped-before-unscale."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC822", "stepped-before-unscale")
def stepped_before_unscale(trace: Trace, *, share: float = 0.5) -> Iterator[Hit]:
    """An optimizer steps by itself while the factor of the gradient scaler is still in the gradients.

    Measures  at the first updates by gradients of a scaled loss that are numbers and not 0, whether a scaler was
              asked to step or unscaled, and the norm of a gradient then beside that after the backward pass.
    Reports   more than `share` of these updates by gradients that were left as they came, and no scaler was asked.
    Matters   each step is as many times too large as the scale says, and Inf and NaN are not skipped.
    Severity  error; warning where an adaptive optimizer gives the step its size back.
    Not for   loops that divide the gradients themselves; scalers that are switched off.
    Sources   PyTorch documentation, Automatic Mixed Precision examples (typical mixed precision training).
    """
    habit = loop_of(trace).habit(Kind.STEPPED_SCALED)
    if not habit.times or habit.share <= share:
        return
    scale = number(habit.numbers["scale"])
    yield Hit(
        severity=Severity.WARNING if trace.adaptive else Severity.ERROR,
        message=f"The optimizer steps{habit.where} while the loss scale of {scale} is still in the gradients, so that they "
        f"are {scale} times too large: call `scaler.step(optimizer)` and `scaler.update()`, not `optimizer.step()`.",
        evidence=(Evidence("share of updates before unscaling", habit.share, share),),
        at=habit.at,
    )
