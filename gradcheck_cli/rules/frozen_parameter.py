"""GC603 frozen-parameter."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import update_ratio
from gradcheck_cli.records.trace import Layer, Trace
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


@rule("GC603", "frozen-parameter")
def frozen_parameter(trace: Trace) -> Iterator[Hit]:
    """Layers that never move: without a gradient, or at a learning rate of 0; on purpose or not.

    Measures  the share of parameters with `requires_grad = False`; and of those in a parameter group of
              learning rate 0, which stay as they are while others move.
    Reports   any, as information.
    Matters   a frozen layer keeps its weights; that is what fine-tuning wants and what a forgotten line does.
    Severity  note.
    Not for   buffers, which are never trained; a rate that warms up from 0.
    Sources   PyTorch notes, Autograd mechanics (requires_grad).
    """
    if not trace.layers:
        raise CannotTellError("no layer was seen")
    still = {x.path for x in trace.layers if _stands_still(trace, x)}
    moves = any(x.trainable and x.path not in still for x in trace.weight_layers)
    for layers, what in (
        (
            [x for x in trace.layers if x.parameters and not x.trainable],
            ("is frozen", "are frozen"),
        ),
        (
            [x for x in trace.layers if x.path in still and moves],
            ("has a learning rate of 0", "have a learning rate of 0"),
        ),
    ):
        if layers:
            yield _hit(trace, layers, what)


def _stands_still(trace: Trace, layer: Layer) -> bool:
    """Its rates began at 0, and no observed update of several changed it."""
    rates = {p.learning_rate for p in layer.parameters if p.trainable and p.optimized}
    readings = (s.readings.get(layer.path) for s in trace.observed)
    changes = [c for r in readings if r is not None and (c := update_ratio(r)) is not None]
    return rates == {0.0} and len(changes) > 1 and not any(changes)


def _hit(trace: Trace, layers: list[Layer], what: tuple[str, str]) -> Hit:
    size = sum(p.numel for x in layers for p in x.parameters)
    whole = max(sum(p.numel for x in trace.layers for p in x.parameters), 1)
    share = number(100 * size / whole)
    if share == "100" and size < whole:
        share = "almost 100"  # a small head is trained
    said = [f"with {share} % of the parameters {words}" for words in what]
    return Hit(
        severity=Severity.NOTE,
        message=f"{counted(len(layers), *said)}.",
        layers=in_order(layers),
        evidence=(Evidence(f"share of parameters that {what[1]}", size / whole, None),),
    )
