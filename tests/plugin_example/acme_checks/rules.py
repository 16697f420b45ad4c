"""ACME101 jumping-loss."""

from collections.abc import Iterator
from itertools import pairwise

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import CannotTellError, Confidence, Evidence, Hit, Severity, rule


@rule("ACME101", "jumping-loss")
def jumping_loss(trace: Trace, *, jump: float = 1.5, share: float = 0.1) -> Iterator[Hit]:
    """The loss jumps up again and again.

    Measures  the share of steps whose loss is more than `jump` times that of the step before.
    Reports   a share above `share`.
    Matters   a step that is undone by the next one teaches nothing.
    Severity  warning.
    Not for   losses that may be negative.
    Sources   this package.
    """
    losses = [step.loss for step in trace.steps if step.loss is not None]
    if len(losses) < 10 or min(losses) <= 0:
        raise CannotTellError("fewer than 10 positive losses were seen")
    jumps = sum(after > jump * before for before, after in pairwise(losses))
    found = jumps / (len(losses) - 1)
    if found > share:
        yield Hit(
            severity=Severity.WARNING,
            confidence=Confidence.HIGH,
            message=f"At {jumps} of {len(losses) - 1} steps the loss jumps to more than {jump:g} times.",
            evidence=(Evidence("share of steps at which the loss jumps", found, share),),
        )
