"""Parameters that get a gradient and are in no optimizer, because of when it was made."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Habit
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity

_NAMED = 4  # layers in a sentence


def outside(trace: Trace, habit: Habit, why: str) -> Iterator[Hit]:
    """Yield the finding that the parameters of a habit are outside of all optimizers."""
    if not habit.times:
        return
    known = {x.path for x in trace.layers}
    more = len(habit.names) - _NAMED
    shown = ", ".join(habit.names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    made = f" ({habit.at})" if habit.at else ""
    yield Hit(
        severity=Severity.ERROR,
        message=f"{habit.times} of {habit.of} trainable parameters ({shown}) receive gradients and {why}{made}, so "
        "no update moves them: make the optimizer afterwards, or call `optimizer.add_param_group`.",
        layers=tuple(n for n in habit.names if n in known),
        evidence=(Evidence("trainable parameters outside of all optimizers", habit.times, 0.0),),
        at=habit.at,
    )
