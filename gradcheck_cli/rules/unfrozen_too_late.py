"""GC810 unfrozen-too-late."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Hit, loop_of, rule
from gradcheck_cli.rules.outside import outside


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
    yield from outside(trace, habit, "were frozen when the optimizer was made")
