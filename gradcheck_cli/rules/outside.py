"""GC810, GC811: parameters that get a gradient and are in no optimizer, because of when it was made."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule

_NAMED = 4  # layers in a sentence


@rule("GC810", "unfrozen-too-late")
def unfrozen_too_late(trace: Trace) -> Iterator[Hit]:
    """Parameters were frozen when the optimizer was made, and it never got them.

    Measures  which parameters have `requires_grad=True` and a gradient and are in no optimizer; whether they
              had `requires_grad=False` when the optimizer was made.
    Reports   any that were frozen then.
    Matters   to unfreeze them costs their gradients and trains nothing.
    Severity  error.
    Not for   optimizers that hold frozen parameters from the start, that get them later
              (add_param_group), or that are made anew.
    Sources   PyTorch documentation, torch.optim.Optimizer.add_param_group.
    """
    habit = loop_of(trace).habit(Kind.UNFROZEN_LATE)
    yield from _outside(trace, habit, "were frozen when the optimizer was made")


@rule("GC811", "added-after-optimizer")
def added_after_optimizer(trace: Trace) -> Iterator[Hit]:
    """Parameters were created after the optimizer, and it never got them.

    Measures  which parameters have `requires_grad=True` and a gradient and are in no optimizer; whether they
              existed when the optimizer was made.
    Reports   any that did not.
    Matters   a new head, adapter or block keeps the weights it was initialized with.
    Severity  error.
    Not for   parameters that the optimizer gets later (add_param_group); an optimizer made anew; a whole
              model that no optimizer holds (optimizer-of-another-model); layers that each forward pass makes.
    Sources   PyTorch documentation, torch.optim.Optimizer.add_param_group.
    """
    loop = loop_of(trace)
    idle = loop.habit(Kind.IDLE)
    if (idle.times and idle.times == idle.of) or loop.habit(Kind.MADE_ANEW).times:
        return
    yield from _outside(trace, loop.habit(Kind.ADDED_LATE), "were created after the optimizer")


def _outside(trace: Trace, habit: Habit, why: str) -> Iterator[Hit]:
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
