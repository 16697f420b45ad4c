"""GC608 leaking-target."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC608", "leaking-target")
def leaking_target(trace: Trace) -> Iterator[Hit]:
    """A position sees the token that it has to predict.

    Measures  the change of earlier outputs when later tokens are exchanged, where the target of a position is
              the next token; columns of the inputs, and tokens at their own place, against the targets.
    Reports   a change above 0.01 % of the spread of outputs; a column or token that is the target; a column that is
              the target but for offset and scale, or in a fifth of the samples or more, counting targets that
              occur once.
    Matters   the loss falls to nothing and the model can not generate.
    Severity  error; warning for a column that is the target in part or in another unit.
    Not for   models whose targets are not the next tokens.
    Sources   Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2.3.
    """
    names = ("sees-target", "target-in-inputs", "target-in-part", "own-entry")
    yield from hits(trace, *names, milder={"target-in-part"})
