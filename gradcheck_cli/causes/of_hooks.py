"""Hooks of the user's own that change gradients on their way."""

from gradcheck_cli.causes.base import Evidence, Support, cause, fact
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.rules.hooked_gradient import told

TENTH = 0.1  # of its size: usual rates of layers and weights of losses differ by less
SMALL = "vanishing-gradient zero-gradient cut-gradient update-too-small stalled-loss worse-than-constant"
LARGE = "exploding-gradient update-too-large diverging-loss risen-loss non-finite"


@cause("gradient-hook", f"hooked-gradient {SMALL} {LARGE}")
def gradient_hook(seen: Evidence) -> Support | None:
    """A hook of your own makes gradients much smaller or larger on their way.

    Speaks for it  the size of the gradients that a hook was given, and of those that it handed on: less
                   than a tenth with findings of small gradients, more than ten times with large ones.
    Against it     nothing: hooks are measured. Without such a finding no hook is a mistake.
    Sources        PyTorch docs, Backward Hooks execution; own derivation.
    """
    loop = seen.trace.loop
    raised = seen.has("hooked-gradient")  # by --severity
    small = raised or seen.has(*SMALL.split())
    large = raised or seen.has(*LARGE.split())
    found = [
        h
        for h in (loop.habits_of(Kind.HOOKED) if loop is not None else ())
        if (small and _factor(h) < TENTH) or (large and _factor(h) > 1 / TENTH)
    ]
    if not found:
        return None
    gravest = min(found, key=_factor) if small else max(found, key=_factor)
    layers = [x for x in seen.trace.layers if x.path in gravest.names]
    return fact(told(gravest), layers, at=gravest.at)


def _factor(habit: Habit) -> float:
    return habit.numbers["factor"]
