"""GC817 gradients-cleared-too-early."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Confidence, Evidence, Hit, Severity, loop_of, rule


@rule("GC817", "gradients-cleared-too-early")
def gradients_cleared_too_early(
    trace: Trace, *, least: int = 3, share: float = 0.5
) -> Iterator[Hit]:
    """The gradients are cleared after the backward pass and before the update.

    Measures  at sampled updates, the first ones among them, whether gradients that a backward pass had just filled were gone.
    Reports   at least `least` updates, and more than `share` of all, that found none.
    Matters   the optimizer has nothing to step with; the weights stay as they are.
    Severity  error.
    Not for   gradients that are thrown away together with their update, as by a gradient scaler.
    Sources   PyTorch documentation, torch.optim, taking an optimization step.
    """
    habit = loop_of(trace).habit(Kind.WIPED)
    if habit.times < least or habit.times <= share * min(habit.of, WATCHED):
        return
    where = f" at {habit.at}" if habit.at else ""
    yield Hit(
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        message=f"{habit.times} updates{where} found no gradient, because it was cleared after `backward()`: call "
        "`optimizer.zero_grad()` before `backward()` or after `optimizer.step()`, not between them.",
        evidence=(Evidence("updates that found their gradients cleared", float(habit.times), 0.0),),
        at=habit.at,
    )


WATCHED = 8  # updates in which gradients that were set to zero are looked for
