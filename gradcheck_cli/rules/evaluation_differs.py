"""GC409 evaluation-differs."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC409", "evaluation-differs")
def evaluation_differs(trace: Trace) -> Iterator[Hit]:
    """Evaluation mode uses other statistics than the data has.

    Measures  the loss of the same batches in training and in evaluation mode, without dropout, after running
              statistics had 64 batches to settle; how many values of a channel batch norms see.
    Reports   evaluation that stays 1.5 times as costly and no better than a constant prediction; with a momentum of
              0 or near 1, evaluation that loses 12 % of what can be gained to the mean statistics; two values.
    Matters   the model learns and is useless as soon as it is evaluated.
    Severity  error.
    Not for   statistics that lag behind for a few steps.
    Sources   Ioffe & Szegedy 2015, arXiv:1502.03167, sec. 3.1.
    """
    yield from hits(trace, "modes-agree", "values-normalized")
