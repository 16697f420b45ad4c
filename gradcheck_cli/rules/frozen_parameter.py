"""GC603 frozen-parameter."""

from collections.abc import Iterator

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


@rule("GC603", "frozen-parameter")
def frozen_parameter(trace: Trace) -> Iterator[Hit]:
    """Layers that do not ask for a gradient: frozen, on purpose or not.

    Measures  the share of parameters with `requires_grad = False`.
    Reports   any, as information.
    Matters   a frozen layer keeps its weights; that is what fine-tuning wants and what a forgotten line does.
    Severity  note.
    Not for   buffers, which are never trained.
    Sources   PyTorch notes, Autograd mechanics (requires_grad).
    """
    if not trace.layers:
        raise CannotTellError("no layer was seen")
    frozen = [x for x in trace.layers if x.parameters and not x.trainable]
    if not frozen:
        return
    size = sum(p.numel for x in frozen for p in x.parameters)
    whole = max(sum(p.numel for x in trace.layers for p in x.parameters), 1)
    share = number(100 * size / whole)
    if share == "100" and size < whole:
        share = "almost 100"  # a small head is trained
    yield Hit(
        severity=Severity.NOTE,
        confidence=Confidence.HIGH,
        message=f"{len(frozen)} layers with {share} % of the parameters are frozen.",
        layers=in_order(frozen),
        evidence=(Evidence("share of parameters that are frozen", size / whole, None),),
    )
