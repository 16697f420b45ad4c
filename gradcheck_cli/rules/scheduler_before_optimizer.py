"""GC814 scheduler-before-optimizer."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC814", "scheduler-before-optimizer")
def scheduler_before_optimizer(trace: Trace) -> Iterator[Hit]:
    """The scheduler stepped before the first update.

    Measures  at the first update, whether a scheduler of the optimizer had already stepped.
    Reports   that it had.
    Matters   the first value of the schedule is never used, and all others come one step early.
    Severity  note.
    Not for   schedules that are resumed; first updates that a gradient scaler skips.
    Sources   PyTorch documentation, torch.optim, how to adjust learning rate.
    """
    habit = loop_of(trace).habit(Kind.SCHEDULED_FIRST)
    if not habit.times:
        return
    name = habit.names[0]
    made = f" (made at {habit.at})" if habit.at else ""
    yield Hit(
        severity=Severity.NOTE,
        message=f"{name}{made} steps before the first update, so the first rate of the schedule is never used: "
        "call `optimizer.step()` before `scheduler.step()`.",
        evidence=(Evidence("scheduler steps before the first update", 1.0, 0.0),),
        at=habit.at,
    )
