"""GC604 never-called."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Layer, Trace
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


@rule("GC604", "never-called")
def never_called(trace: Trace) -> Iterator[Hit]:
    """Layers hold trainable parameters and never run.

    Measures  which layers took part in a forward pass of an observed step.
    Reports   those that did not, as information.
    Matters   they cost memory and, under DistributedDataParallel, stop training with an error.
    Severity  note.
    Not for   layers skipped by a condition, such as experts or stochastic depth, over too few steps.
    Sources   PyTorch documentation, DistributedDataParallel (find_unused_parameters).
    """
    if not trace.observed:
        raise CannotTellError("no step was observed")
    idle = [x for x in trace.layers if x.parameters and x.trainable and not _ran(x)]
    if not idle:
        return
    yield Hit(
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        message=f"{number(len(idle))} layers were never called in {trace.taken} steps.",
        layers=in_order(idle),
        evidence=(Evidence("layers never called", float(len(idle)), 0.0),),
    )


def _ran(layer: Layer) -> bool:
    """A bare parameter is not called; that a gradient reached it shows that it took part."""
    return layer.called or any(p.reached for p in layer.parameters)
