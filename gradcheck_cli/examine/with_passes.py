"""Make the counterfactual passes of a training whose gradients are sick, and put them into its trace."""

from collections.abc import Sequence
from dataclasses import replace

from gradcheck_cli.errors import GradcheckError
from gradcheck_cli.examine.passes import passes
from gradcheck_cli.examine.subject import NotApplicableError, Subject
from gradcheck_cli.records.examination import Moment, Pass
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.trace import Gap, Trace
from gradcheck_cli.targets.threads import fewest_threads, losses_of_few

# Findings that say something of how signals go through the network.
OF_GRADIENTS = frozenset(
    "vanishing-gradient zero-gradient exploding-gradient collapsed-features poor-initialization "
    "saturated-activation saturated-attention disconnected-parameter".split()
)
BUDGET = 10.0  # seconds for the passes of both moments


def with_passes(
    subject: Subject | None,
    trace: Trace,
    findings: Sequence[Finding],
    *,
    budget: float = BUDGET,
) -> Trace:
    """Return the trace with the passes of the initial and of the latest state.

    Without a serious finding on gradients it stays as it is; a pass that the user's code ends is a gap.
    """
    serious = {f.name for f in findings if f.severity is not Severity.NOTE}
    if subject is None or not subject.batches or not serious & OF_GRADIENTS:
        return trace
    made: list[Pass] = []
    try:
        with fewest_threads(lambda: losses_of_few(subject)):
            with subject.at("start"):
                made += passes(subject, trace, Moment.START, budget / 2)
            with subject.at("now"):
                made += passes(subject, trace, Moment.LATE, budget / 2)
    except (GradcheckError, NotApplicableError, RuntimeError, TypeError, ValueError) as cause:
        gap = Gap(what="passes with one thing changed", reason=str(cause).partition("\n")[0])
        return replace(trace, gaps=(*trace.gaps, gap))
    return replace(trace, passes=tuple(made))
