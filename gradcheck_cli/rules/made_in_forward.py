"""GC820 made-in-forward."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC820", "made-in-forward")
def made_in_forward(trace: Trace, *, least: int = 3, share: float = 0.3) -> Iterator[Hit]:
    """The forward pass makes a layer, anew and at random in each call.

    Measures  in inspected steps, which weights of a product are parameters that were drawn while the forward pass
              ran; whether they got a gradient and an optimizer holds them.
    Reports   at least `least` steps, and more than `share` of all, with some that no optimizer holds.
    Matters   each step trains weights that the next one has no more; what lies below learns to please weights
              that are drawn anew.
    Severity  error.
    Not for   layers that are made in the first call only (lazy ones); random numbers that ask for no gradient;
              weights that are computed by another network; inputs that are to get a gradient.
    Sources   PyTorch documentation, torch.nn.Module (submodules are assigned when it is made).
    """
    habit = loop_of(trace).habit(Kind.MADE_ANEW)
    if habit.times < least or habit.times <= share * habit.of:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"In {habit.times} of {habit.of} inspected steps the forward pass drew new weights{habit.where}, which got a "
        "gradient and were gone before any update: make the layer once, in `__init__`, and call it in `forward`.",
        evidence=(Evidence("inspected steps with new weights", float(habit.times), float(least)),),
        at=habit.at,
    )
