"""GC802 optimizer-never-steps."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC802", "optimizer-never-steps")
def optimizer_never_steps(trace: Trace, *, thrown: int = 3, many: int = 64) -> Iterator[Hit]:
    """Gradients are computed and the optimizer never uses them.

    Measures  backward passes that gave a gradient to parameters of the optimizer, how often it was cleared
              before an update, and whether the parameters changed by other means.
    Reports   no update at all, when gradients were cleared unused at least `thrown` times or there were
              more than `many` backward passes.
    Matters   the weights stay as they were initialized.
    Severity  error.
    Not for   accumulation that has not reached its first update; updates written by hand; updates that
              a gradient scaler skips because gradients are infinite.
    Sources   PyTorch documentation, torch.optim, taking an optimization step.
    """
    loop = loop_of(trace)
    habit = loop.habit(Kind.THROWN)
    if loop.updates or habit.numbers.get("moved"):
        return
    if habit.times < thrown and loop.backwards <= many:
        return
    where = f" (the first at {habit.at})" if habit.at else ""
    yield Hit(
        severity=Severity.ERROR,
        message=f"{loop.backwards} backward passes{where} and no `optimizer.step()`: no weight ever changes. "
        "Call `optimizer.step()` after `backward()`; `scheduler.step()` changes the learning rate only.",
        evidence=(Evidence("updates by the optimizer", float(loop.updates), 1.0),),
        at=habit.at,
    )
