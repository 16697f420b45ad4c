"""GC609 ignored-positions."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC609", "ignored-positions")
def ignored_positions(trace: Trace) -> Iterator[Hit]:
    """The order of tokens, or tokens beside padding, do not count; or padding counts in the loss.

    Measures  the change of outputs when positions are reordered; the share of tokens that change an output,
              in padded and in full samples; sums of the weights of attention.
    Reports   outputs of positions that look at each other but are the same in every order; padded samples in
              which fewer than 10 % of the tokens count, where in full ones they do; weights that do not add up to 1; a
              loss more than half of whose positions are padding.
    Matters   attention without positions sees a bag of tokens; a mask turned round looks at the padding; a loss
              that is computed from padding falls by what is no task.
    Severity  error for the mask; for the order, the sums and the loss warning.
    Not for   one output for a whole bag of tokens.
    Sources   Vaswani et al. 2017, arXiv:1706.03762, sec. 3.5.
    """
    milder = ("padding-learned", "order-counts", "weights-add-up")
    yield from hits(trace, "padding-counts", *milder, milder=milder)
