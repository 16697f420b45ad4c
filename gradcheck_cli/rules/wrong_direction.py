"""GC408 wrong-direction."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC408", "wrong-direction")
def wrong_direction(trace: Trace) -> Iterator[Hit]:
    """The training goes up: the loss rewards mistakes, or the optimizer climbs it.

    Measures  what outputs made from the targets cost (right against wrong), and the cosine between the first
              step and the gradient.
    Reports   a loss that is smaller for wrong outputs than for right ones; a step along the gradient. Both
              together cancel out.
    Matters   the better the training works, the worse the model gets.
    Severity  error.
    Not for   rewards that are maximized: a loss that is larger for right outputs, with maximize=True.
    Sources   Gneiting & Raftery 2007, sec. 2 (proper scores); Nocedal & Wright 2006, sec. 3.1.
    """
    found = list(hits(trace, "loss-prefers-right", "step-descends"))
    if len(found) == 1:
        yield from found
