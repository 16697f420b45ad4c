"""GC606 mixed-samples."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import eased, hits
from gradcheck_cli.rules.base import Hit, rule


@rule("GC606", "mixed-samples")
def mixed_samples(trace: Trace) -> Iterator[Hit]:
    """A sample's output depends on the other samples of its batch.

    Measures  the change of the other samples' outputs when one sample is exchanged, in evaluation mode; which outputs its targets meet.
    Reports   a change above 0.1 % of the spread of outputs; targets that mostly meet outputs of other samples.
    Matters   a view, reshape or transpose in the wrong place learns from the wrong samples, and the output
              changes with who else is in the batch.
    Severity  error; warning while the loss falls all the same.
    Not for   models that compare samples by design (one output for each pair), batch normalization.
    Sources   the chain rule.
    """
    yield from hits(trace, "samples-in-model", "own-targets", severity=eased(trace))
