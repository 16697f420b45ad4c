"""GC104 hooked-gradient."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC104", "hooked-gradient")
def hooked_gradient(trace: Trace, *, factor: float = 0.1) -> Iterator[Hit]:
    """A hook of your own makes gradients much smaller or larger, or zero.

    Measures  f = the median size of the gradients that a hook hands on / of those that it is given, over
              its last 40 calls, of which every 5th is read, or the first 16 where there are no more:
              hooks on tensors and modules, and those called when a gradient arrived.
    Reports   f below `factor` or above 1 / `factor`.
    Matters   layers behind the hook learn more slowly or faster than the loss says, or not at all.
    Severity  note: it may be on purpose. Where layers are found sick, it is their cause.
    Not for   hooks that clip, mask or scale by less; hooks of libraries.
    Sources   PyTorch documentation, Tensor.register_hook; usual factors between rates of layers lie above
              a tenth (Howard & Ruder 2018, arXiv:1801.06146: 1 / 2.6 a layer).
    """
    for habit in loop_of(trace).habits_of(Kind.HOOKED):
        found = habit.numbers["factor"]
        if factor <= found <= 1 / factor:
            continue
        known = {x.path for x in trace.layers}
        yield Hit(
            severity=Severity.NOTE,
            message=f"{told(habit)}.",
            layers=tuple(name for name in habit.names if name in known),
            evidence=(Evidence("size of gradients after the hook / before it", found, factor),),
            at=habit.at,
        )


def told(habit: Habit) -> str:
    """Say what a hook does, as a sentence without its full stop."""
    first, *others = habit.names or ("",)
    more = f" and {len(others)} more" if others else ""
    whose = f"gradients at layer `{first}`{more}" if first else "gradients"
    since = int(habit.numbers.get("since", 1))
    later = f", from about its call {since} on" if since > 1 else ""
    factor = habit.numbers["factor"]
    if factor == 0:
        return f"Your hook{habit.where} sets {whose} to zero{later}"
    return (
        f"Your hook{habit.where} changes the size of {whose} by a factor of {number(factor)}{later}"
    )
