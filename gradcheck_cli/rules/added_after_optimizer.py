"""GC811 added-after-optimizer."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Hit, loop_of, rule
from gradcheck_cli.rules.outside import outside


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
    yield from outside(trace, loop.habit(Kind.ADDED_LATE), "were created after the optimizer")
