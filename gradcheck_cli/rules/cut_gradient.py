"""GC610 cut-gradient."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import progress
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC610", "cut-gradient")
def cut_gradient(trace: Trace) -> Iterator[Hit]:
    """The loss depends on weights, or on a past, that no gradient reaches.

    Measures  the change of the loss when weights whose gradient is exactly zero are shifted by a half; of
              recurrent networks, the change of outputs when earlier positions are exchanged, and from how
              many positions a gradient comes back.
    Reports   a change above 0.001 %; earlier positions that make no difference; a gradient from the last
              position alone.
    Matters   what was computed under no_grad, or cut off by detach, is never improved; nor is a memory.
    Severity  error; warning for a memory while the loss falls.
    Not for   weights on which the loss does not depend, and those that no optimizer holds.
    Sources   Nocedal & Wright 2006, sec. 8.1 (finite differences); Williams & Peng 1990.
    """
    milder = {"through-time"} if progress(trace).fine else ()
    yield from hits(trace, "cut-gradient", "through-time", milder=milder)
