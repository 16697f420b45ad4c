"""Causes in constants on the way: factors that shrink a signal layer by layer."""

from gradcheck_cli.causes.base import Evidence, Support, cause, experiment
from gradcheck_cli.causes.shares import ENOUGH, FACTORS
from gradcheck_cli.features.circumstances import VANISHING


@cause(
    "constant-factor",
    VANISHING,
    "Leave the factor out and change nothing else.",
)
def constant_factor(seen: Evidence) -> Support | None:
    """A constant multiplies what layers compute, and shrinks the signal each time.

    Speaks for it  the signal comes back when multiplications and divisions by constants are left out.
    Against it     branches beside a skip connection, which a small factor keeps stable.
    Sources        He et al. 2015, arXiv:1502.01852, eq. 14: a factor counts as a weight does.
    """
    found = seen.at_start
    if found is None or found.along_time:
        return None  # a leak along time is what a recurrence forgets with
    if found[FACTORS].value < ENOUGH or found[FACTORS].decades <= 0:
        return None
    share = found[FACTORS]
    said = f"a factor of {1 / share.factor:.3g} is applied along the way"
    return experiment(found, FACTORS, seen.trace.weight_layers, more=(said,))
