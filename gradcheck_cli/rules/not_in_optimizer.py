"""GC602 not-in-optimizer."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Evidence,
    Hit,
    Severity,
    counted,
    in_order,
    number,
    rule,
)


@rule("GC602", "not-in-optimizer")
def not_in_optimizer(trace: Trace) -> Iterator[Hit]:
    """Parameters get gradients that no optimizer uses.

    Measures  which trainable parameters received a gradient, and which of them some optimizer holds.
    Reports   layers that received a gradient and are in no optimizer.
    Matters   their gradient is computed at full cost and thrown away; they keep their initial weights.
    Severity  error.
    Not for   frozen layers: set `requires_grad = False` and nothing is reported.
    Sources   PyTorch documentation, torch.optim, per-parameter options.
    """
    if not any(p.optimized for x in trace.layers for p in x.parameters):
        raise CannotTellError("no optimizer was seen")
    missed = [
        x
        for x in trace.layers
        if x.gradient_arrives
        and x.parameters
        and x.depth is not None
        and any(p.trainable for p in x.parameters)
        and not any(p.optimized for p in x.parameters)
    ]
    if not missed:
        return
    size = sum(p.numel for x in missed for p in x.parameters)
    whole = max(sum(p.numel for x in trace.layers for p in x.parameters), 1)
    share = f"with {number(100 * size / whole)} % of the parameters"
    yield Hit(
        severity=Severity.ERROR,
        message=f"{counted(len(missed), f'{share} receives', f'{share} receive')} gradients, "
        f"but no optimizer holds {'it' if len(missed) == 1 else 'them'}.",
        layers=in_order(missed),
        evidence=(Evidence("share of parameters that no optimizer holds", size / whole, 0.0),),
    )
