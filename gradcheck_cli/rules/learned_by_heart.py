"""GC411 learned-by-heart."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, Severity, rule


@rule("GC411", "learned-by-heart")
def learned_by_heart(trace: Trace) -> Iterator[Hit]:
    """What is learned of the training samples holds for no others.

    Measures  the loss of samples that are left out of a second training, against a constant prediction.
    Reports   a training in which it is never below that, while the loss of the training samples falls.
    Matters   labels that do not belong to their inputs look like this, and so does data of which nothing
              can be known; the falling loss hides it.
    Severity  warning.
    Not for   data in which each sample was seen once: there the loss is that of new samples; more of the samples
              that are left out put into their class than chance does.
    Sources   Zhang et al. 2017, arXiv:1611.03530.
    """
    yield from hits(trace, "unseen-data", severity=Severity.WARNING)
