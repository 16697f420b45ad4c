"""GC820 made-in-forward."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC820", "made-in-forward")
def made_in_forward(trace: Trace, *, least: int = 3, share: float = 0.3) -> Iterator[Hit]:
    """The forward pass or the body of the loop makes a layer, anew and at random in each step.

    Measures  in inspected steps, which weights of a product are parameters that were drawn while the forward pass
              ran; before each update, which layers outside of any module were made since the last one; whether they
              got a gradient and an optimizer holds them.
    Reports   at least `least` steps, and more than `share` of all, with some that no optimizer holds.
    Matters   each step trains weights that the next one has no more; what lies below learns to please weights
              that are drawn anew.
    Severity  error; warning outside of a module where the loss falls all the same.
    Not for   layers that are made in the first call only (lazy ones); random numbers that ask for no gradient;
              weights that are computed by another network; inputs that are to get a gradient.
    Sources   PyTorch documentation, torch.nn.Module (submodules are assigned when it is made).
    """
    for habit in loop_of(trace).habits_of(Kind.MADE_ANEW):
        if habit.times < least or habit.times <= share * habit.of:
            continue
        if habit.names:  # outside of any module
            said = f"Before {habit.times} of {habit.of} updates the loop drew the weights of a layer anew"
            where = "before the loop, and give the optimizer its parameters"
        else:
            said = (
                f"In {habit.times} of {habit.of} inspected steps the forward pass drew new weights"
            )
            where = "in `__init__`, and call it in `forward`"
        learned = habit.names and progress(trace).better
        yield Hit(
            severity=Severity.WARNING if learned else Severity.ERROR,
            message=f"{said}{habit.where}, which got a gradient and were gone before any update: make the layer once, {where}.",
            evidence=(Evidence("times with new weights", float(habit.times), float(least)),),
            at=habit.at,
        )
        return
