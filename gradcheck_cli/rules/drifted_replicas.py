"""GC605 drifted-replicas."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, counted, number, rule


@rule("GC605", "drifted-replicas")
def drifted_replicas(trace: Trace, *, apart: float = 1e-4) -> Iterator[Hit]:
    """Copies of the model on several ranks are no longer the same.

    Measures  per layer and observed step the norm of the weights on every rank.
    Reports   layers whose largest norm exceeds the smallest by more than `apart` of it.
    Matters   ranks that should hold one model train several: gradients are averaged between weights
              that they do not belong to, and the checkpoint of rank 0 is only one of them.
    Severity  error.
    Not for   weights that are sharded on purpose, or models that are meant to differ between ranks.
    Sources   Li et al. 2020, arXiv:2006.15704, sec. 3 (replicas stay equal when they start equal and
              apply equal gradients).
    """
    drifts = [d for d in trace.drifts if d.high - d.low > apart * d.high]
    if not drifts:
        return
    worst = max(drifts, key=lambda d: (d.high - d.low) / d.high)
    first = min(drifts, key=lambda d: d.step)
    share = (worst.high - worst.low) / worst.high
    yield Hit(
        severity=Severity.ERROR,
        message=(
            f"The weights of {worst.layer} have norm {number(worst.low)} on one rank and "
            f"{number(worst.high)} on another: {counted(len(drifts), 'is', 'are')} no longer the same."
        ),
        layers=tuple(d.layer for d in drifts),
        evidence=(Evidence("relative difference of the norms between ranks", share, apart),),
        first_step=first.step,
    )
