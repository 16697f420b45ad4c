"""Gradients that are exactly zero for a reason that has a name of its own."""

from collections.abc import Sequence

from gradcheck_cli.features.profile import CONSTANT, late, typical
from gradcheck_cli.ops import HALF
from gradcheck_cli.records.trace import Layer, Step, Trace

SLOPELESS = frozenset(
    {"argmax", "argmin", "round", "sign", "sgn", "floor", "ceil", "trunc", "heaviside"}
)
_CONSTANT = 1e-4  # share of an output that depends on the sample below which it is a constant


def uses_half(trace: Trace) -> bool:
    """Do weights or the computation use 16 bits?"""
    return trace.precision in HALF or any(
        p.dtype in HALF for x in trace.layers for p in x.parameters
    )


def zeroed(trace: Trace, steps: Sequence[Step] | None = None) -> bool:
    """Is there a named reason, other than attenuation, for gradients that are exactly zero?

    Dead units, an operation without a slope, constant data, 16 bits, or weights that are all zero.
    """
    steps = late(trace) if steps is None else steps
    dead = [x for x in trace.layers if (typical(steps, x.path, lambda r: r.dead) or 0.0) > 0.9]
    if any(not fed_a_constant(trace, x, steps) for x in dead):
        return True
    if (trace.data.constant_features or 0.0) > CONSTANT or uses_half(trace):
        return True
    return any(c.operation in SLOPELESS for c in trace.cuts) or any(
        all_zero(trace, x) for x in trace.weight_layers
    )


def fed_a_constant(trace: Trace, layer: Layer, steps: Sequence[Step] | None = None) -> bool:
    """Does what reaches `layer` hardly depend on the sample? Then its units are not dead but blind."""
    steps = late(trace) if steps is None else steps
    spreads = [typical(steps, path, lambda r: r.spread) for path in layer.reads]
    known = [s for s in spreads if s is not None]
    return bool(known) and max(known) < _CONSTANT


def all_zero(trace: Trace, layer: Layer) -> bool:
    """Does a hidden layer consist of zeros, and stay so?"""
    weight = layer.weight
    if weight is None or not weight.rows_identical or not weight.trainable or not layer.depth:
        return False
    norm = typical(late(trace), layer.path, lambda r: r.weight.norm if r.weight else None)
    return norm == 0
