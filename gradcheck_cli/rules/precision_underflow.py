"""GC502 precision-underflow."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.profile import gradient_zeros, late, typical
from gradcheck_cli.features.progress import progress
from gradcheck_cli.features.zeros import uses_half
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    in_order,
    number,
    rule,
)


@rule("GC502", "precision-underflow")
def precision_underflow(trace: Trace, *, zeros: float = 0.5) -> Iterator[Hit]:
    """Gradients are too small for the number format: they become exactly zero.

    Measures  the share of exact zeros in the weights' gradients late in the run, where weights or the
              computation use 16 bits, or where float32 itself underflows (rms below 1e-38).
    Reports   a median share above `zeros`.
    Matters   what is rounded to zero is not learned; a loss scale or a wider format brings it back.
    Severity  error when the loss does not fall well, note when it does.
    Not for   zeros from dead units (GC201) or unused embedding rows.
    Sources   Micikevicius et al. 2018, arXiv:1710.03740, sec. 3.2.
    """
    if not uses_half(trace):
        raise CannotTellError("weights and computation use 32 bits or more")
    shares = [
        (x, share)
        for x in trace.weight_layers
        if (share := typical(late(trace), x.path, gradient_zeros)) is not None
    ]
    if not shares:
        raise CannotTellError("no weight layer received a gradient")
    middle = median(share for _, share in shares)
    dead = [typical(late(trace), x.path, lambda r: r.dead) or 0.0 for x in trace.layers]
    if middle <= zeros or max(dead, default=0.0) > zeros:
        return
    state = progress(trace)
    yield Hit(
        severity=Severity.NOTE if state.fine else Severity.ERROR,
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"{number(100 * middle)} % of the gradient's numbers are exactly zero at 16 bits.",
        layers=in_order([x for x, share in shares if share > zeros]),
        evidence=(Evidence("share of exact zeros in the gradients, median", middle, zeros),),
    )
