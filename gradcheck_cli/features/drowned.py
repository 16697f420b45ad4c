"""Is one of several tasks in the loss so small beside the others that it is not learned?"""

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace

DROWNED = (
    1e-3  # of what constant predictions lose together: a task that makes less hardly moves a weight
)
STANDS = 0.95  # of its own constant's loss: a task above it is not learned
FALLS = 0.8  # of theirs: the others are


def drowned(trace: Trace) -> str | None:
    """Say which task it is, or return None."""
    for habit in trace.loop.habits_of(Kind.DROWNED) if trace.loop else ():
        share, stands, others = (habit.numbers[n] for n in ("share", "stands", "others"))
        if share < DROWNED and stands > STANDS and others < FALLS:
            return (
                f"{habit.names[0]} is {100 * share:.2g} % of a loss of several tasks and stays at {stands:.2f} times that of its "
                f"best constant, while another comes down to {others:.2f} times its own: bring them to one size"
            )
    return None
