"""GC610 cut-gradient."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC610", "cut-gradient")
def cut_gradient(trace: Trace) -> Iterator[Hit]:
    """The loss depends on weights that no gradient reaches.

    Measures  the change of the loss when weights whose gradient is exactly zero are shifted by a half.
    Reports   a change above 0.001 %.
    Matters   that part of the loss is never improved: it was computed under no_grad, or cut off by detach.
    Severity  error.
    Not for   weights on which the loss does not depend, and those that no optimizer holds.
    Sources   finite differences, Nocedal & Wright 2006, sec. 8.1.
    """
    yield from hits(trace, "cut-gradient")
