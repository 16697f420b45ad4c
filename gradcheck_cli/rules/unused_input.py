"""GC607 unused-input."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import eased, hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC607", "unused-input")
def unused_input(trace: Trace) -> Iterator[Hit]:
    """The model does not use one of its inputs.

    Measures  the change of outputs when an input is exchanged between samples, each argument by itself; of sequences
              that a recurrent network reads, all positions behind the first.
    Reports   no change at all.
    Matters   what is not looked at can not be learned from.
    Severity  error while the loss does not fall; else warning.
    Not for   inputs that are alike for all samples of a batch.
    Sources   permutation importance, Breiman 2001, sec. 10.
    """
    yield from hits(trace, "inputs-used", "positions-used", severity=eased(trace))
