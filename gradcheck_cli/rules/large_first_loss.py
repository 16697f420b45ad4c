"""GC302 large-first-loss."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)


@rule("GC302", "large-first-loss")
def large_first_loss(trace: Trace, *, times: float = 4.0) -> Iterator[Hit]:
    """A classifier begins with a loss many times that of guessing among all classes.

    Measures  the loss of the first batch before any update, against what the same loss is for equal
              chances of all classes (ln of their number).
    Reports   more than `times` it: scores of standard deviation s cost about ln(classes) + s^2 / 2, so
              that of ten classes they differ by about 4.
    Matters   before it has seen anything the network is sure, and wrong: the first steps only undo its
              initial weights, and its nonlinearities and softmax may be saturated by then.
    Severity  warning where an experiment shows what it costs: with scores of a usual size at the start, the same
              few steps learn clearly more. Note otherwise: many networks recover from it at once.
    Not for   losses of other kinds; rare classes, for which equal chances are no good guess: they are
              held against equal chances, not against their frequency.
    Sources   Karpathy 2019, A Recipe for Training Neural Networks (verify the loss at initialization);
              Glorot & Bengio 2010.
    """
    ratio = trace.loss.first_over_guess
    if ratio is None:
        raise CannotTellError("the first loss of a classifier was not seen")
    if ratio <= times:
        return
    costly = speaks_against(trace, "smaller-scores")
    yield Hit(
        severity=Severity.NOTE if costly is None else Severity.WARNING,
        confidence=Confidence.HIGH if ratio > 2 * times else Confidence.MEDIUM,
        message=f"The first loss is {number(ratio)} times that of guessing among all classes: the untrained "
        "network is sure of wrong answers." + (f" {costly.said.capitalize()}." if costly else ""),
        evidence=(Evidence("first loss, relative to equal chances", ratio, times),),
    )
