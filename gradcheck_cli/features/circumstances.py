"""Facts about a run that several rules and causes ask for: its stops, exact zeros with a name, layers that start at zero."""

from collections.abc import Sequence
from math import hypot, isfinite, log10, sqrt
from operator import attrgetter

from gradcheck_cli.features.profile import (
    CONSTANT,
    arriving_rms,
    begun,
    depths,
    late,
    reference,
    typical,
    update_ratio,
    weight_norm,
    whole_signal,
)
from gradcheck_cli.features.progress import FALLING, State, progress
from gradcheck_cli.ops import HALF, SMOOTH
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Cut, Layer, Role, Step, Trace

HARMLESS = 2.0  # decades: less is no finding of a vanishing gradient
LARGE, SMALL = 5.0, 0.02  # sizes of inputs: the first layer works out of its range
# Findings that a lost gradient shows as.
VANISHING = "vanishing-gradient zero-gradient collapsed-features poor-initialization stalled-loss"


def input_size(trace: Trace) -> float:
    """Return the root mean square of the inputs, 1 where it was not measured."""
    data = trace.data
    if data.input_std is None or data.input_mean is None:
        return 1.0
    return hypot(data.input_std, data.input_mean)


def unusual_inputs(trace: Trace) -> bool:
    """Are inputs far from a size of 1?"""
    size = input_size(trace)
    return size >= LARGE or 0 < size < SMALL


def saturated_at_start(trace: Trace) -> bool:
    """Are many units of a bounded nonlinearity flat before the first update?"""
    shares = [typical(begun(trace), x.path, lambda r: r.saturated) for x in trace.layers]
    return max((s for s in shares if s is not None), default=0.0) > 0.3


def asleep(trace: Trace) -> list[Layer]:
    """Return the batch normalizations that run in eval mode."""
    return [x for x in trace.layers if x.kind.startswith("BatchNorm") and not x.training]


def pinned_output(trace: Trace) -> bool:
    """Does a bounded nonlinearity behind the last layer sit at its end?"""
    last = [x for x in trace.layers if x.role is Role.ACTIVATION and x.depth == 0]
    shares = [typical(late(trace), x.path, lambda r: r.saturated) or 0.0 for x in last]
    return max(shares, default=0.0) > 0.5


def flat_end(trace: Trace) -> bool:
    """Does no gradient reach even the last layer, though the loss is finite and far from solved?"""
    last = [x for x in trace.weight_layers if x.depth == 0 and x.gradient_arrives]
    arriving = [typical(late(trace), x.path, arriving_rms) for x in last]
    if not arriving or any(value != 0 for value in arriving) or trace.cuts or uses_half(trace):
        return False
    return progress(trace).state not in {State.BROKEN, State.CONVERGED}


def beyond_initialization(trace: Trace) -> bool:
    """Most nonlinearities have no fixed point of the variance, or attention mixes the positions."""
    kinds = [x.activation for x in trace.weight_layers if x.activation is not None]
    smooth = sum(kind in SMOOTH for kind in kinds)
    attends = any(x.role is Role.ATTENTION for x in trace.layers)
    return attends or (bool(kinds) and smooth > len(kinds) / 2)


def lost_at_start(trace: Trace) -> float:
    """Return the decades of signal that are missing before the first update."""
    rows = depths(trace, begun(trace))
    if not rows:
        return 0.0
    ratio = min(row.strength for row in rows) / (reference(rows) or 1.0)
    whole = whole_signal(trace, begun(trace)) or 0.0
    lost = min(ratio, whole)
    if lost > 0:
        return -log10(lost)
    return 0.0 if zeroed(trace, begun(trace)) else 10.0


def broke_later(trace: Trace) -> bool:
    """Did units die or saturate only after the first step?"""
    for layer in trace.layers:
        for quantity in (attrgetter("dead"), attrgetter("saturated")):
            before = typical(trace.observed[:1], layer.path, quantity)
            after = typical(late(trace), layer.path, quantity)
            if before is not None and after is not None and after > 0.5 and after > before + 0.3:
                return True
    return False


def broken_in_backward(trace: Trace) -> tuple[Cut, ...]:
    """Return the calls whose backward pass made NaN or infinity of gradients that are numbers, the first one first."""
    return _calls(trace, Kind.BROKE)


def broken_in_forward(trace: Trace) -> tuple[Cut, ...]:
    """Return the call that made the first NaN or infinity, of numbers, where it is known."""
    return _calls(trace, Kind.MADE_NONE)


def _calls(trace: Trace, kind: Kind) -> tuple[Cut, ...]:
    habits = trace.loop.habits_of(kind) if trace.loop else ()
    return tuple(Cut(operation=h.names[0], layer=(*h.names, None)[1], at=h.at) for h in habits)


def broke_unlooked(trace: Trace) -> Step | None:
    """Return the last step whose loss is a number, no larger than at first, where it was not looked into."""
    at = next((i for i, s in enumerate(trace.steps) if not isfinite(s.loss)), 0)
    last = trace.steps[at - 1] if at else None
    usual = last is not None and not last.readings and last.loss <= trace.steps[0].loss
    return last if usual else None


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


_NOTHING = 1e-2  # std * sqrt(fan-in) below which weights give their layer no signal to speak of
_GROWN = 1.5  # times its size in the first third of the run; a steady growth from zero gives five


def from_nothing(trace: Trace, layer: Layer) -> bool:
    """Did the layer's weights start at zero, or near it, and is what they are the work of the updates?

    Such a layer's first updates are large beside nothing, at any learning rate, and the loss hardly
    depends on it until it has grown.
    """
    weight = layer.weight
    reading = next((r for s in begun(trace) if (r := s.readings.get(layer.path)) is not None), None)
    if weight is None or reading is None or reading.weight is None or reading.update is None:
        return False
    fan_in = weight.numel / max(next(iter(weight.shape), 1), 1)
    tiny = weight.std * sqrt(fan_in) < _NOTHING
    return tiny and reading.weight.norm <= 2 * reading.update.norm


def largest_update(trace: Trace, path: str, *windows: Sequence[Step]) -> float | None:
    """Return the largest of a layer's typical relative updates in `windows` and late in the run.

    Of a layer that started at nothing, the late ones alone.
    """
    early = () if from_nothing(trace, trace.layer(path)) else windows
    values = [typical(steps, path, update_ratio) for steps in (*early, late(trace))]
    return max((v for v in values if v is not None), default=None)


def builds_up(trace: Trace) -> bool:
    """Does the loss fall while a layer that started at zero grows? It hardly acts on the loss yet."""
    if progress(trace).trend >= FALLING:
        return False
    third = max(1, len(trace.observed) // 3)
    for layer in trace.weight_layers:
        if layer.weight is None or layer.weight.std or not from_nothing(trace, layer):
            continue
        before = typical(trace.observed[:third], layer.path, weight_norm)
        after = typical(late(trace), layer.path, weight_norm)
        if before is not None and after is not None and after > _GROWN * before:
            return True
    return False
