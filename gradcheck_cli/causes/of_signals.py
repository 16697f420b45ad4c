"""Causes that lose or blow up the signal: nonlinearities, initial weights, depth, time."""

from math import isfinite, log10

from gradcheck_cli.causes.attenuation import BOUNDED, broke_later, budget
from gradcheck_cli.causes.base import Evidence, Support, Weighing, cause, paths
from gradcheck_cli.records.trace import Layer, Role, Trace
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.profile import (
    depths,
    first,
    late,
    output_std,
    reference,
    typical,
    whole_signal,
)
from gradcheck_cli.rules.zeros import fed_a_constant, zeroed

# Nonlinearities whose outputs have no fixed point of the variance that an initialisation could hold.
SMOOTH = frozenset({"gelu", "silu", "mish", "hardswish", "softplus"})
VANISHING = "vanishing-gradient zero-gradient collapsed-features poor-initialization stalled-loss"


@cause(
    "saturating-activation",
    f"{VANISHING} saturated-activation",
    "Swap the nonlinearity and keep the initial weights: if gradients reach the lower layers, it was it.",
)
def saturating_activation(seen: Evidence) -> Support | None:
    """Sigmoid or tanh units have a slope far below 1, and slopes multiply along the depth.

    Speaks for it  most of the loss of gradient along the depth happens at bounded nonlinearities.
    Against it     weights that were far too small or too large at the beginning; one bounded layer only.
    Sources        Glorot & Bengio 2010, sec. 3; sigmoid' <= 1/4.
    """
    trace = seen.trace
    now = budget(trace, at_start=False)
    bounded = [x for x in now.links if x.layer.activation in BOUNDED]
    flat = [x for x in bounded if x.slope < 0.6]
    if not flat or not seen.noted("vanishing-gradient", "saturated-activation", "zero-gradient"):
        return None
    at_once = _saturated_at_start(seen)
    kinds = ", ".join(sorted({x.layer.activation or "" for x in flat}))
    weighing = Weighing()
    weighing.add(
        0.2, f"{len(flat)} layers go through {kinds} at a mean slope of {number(now.slope)}"
    )
    share = now.share_of_slopes
    weighing.add(
        0.6 * share,
        f"{number(100 * share)} % of the lost gradient (in decades) is lost at nonlinearities",
    )
    weighing.add(0.15, "saturated units were found", when=seen.noted("saturated-activation"))
    weighing.add(
        -0.35, "but they saturated only after large steps", when=broke_later(trace) and not at_once
    )
    weighing.add(
        -0.35,
        "but inputs or initial weights are large enough to drive them there at once",
        when=at_once,
    )
    layers = [x.nonlinearity or x.layer for x in flat]
    return weighing.support(layers, first=layers[-1])


@cause(
    "init-too-small",
    VANISHING,
    "Re-draw the initial weights at the variance that keeps gradients; nothing else is changed.",
)
def init_too_small(seen: Evidence) -> Support | None:
    """Initial weights are smaller than what keeps the variance of signals from layer to layer.

    Speaks for it  fan_out * Var[w] (times 1/2 before a ReLU) is well below 1 in most layers.
    Against it     normalisation, which restores the size; slopes of bounded units that lose more.
    Sources        Glorot & Bengio 2010, eq. 10-12; He et al. 2015, eq. 10 and 14.
    """
    trace = seen.trace
    start = budget(trace)
    small = [x for x in start.links if x.gain < 0.8]
    lost, slopes = lost_at_start(trace), max(-start.slopes, 0.0)
    rest = max(
        lost - slopes + min(start.weights, 0.0), 0.0
    )  # neither slopes nor weights explain it
    weights = max(-start.weights, 0.0) + rest
    if not (small or rest > 1) or not seen.noted(
        "vanishing-gradient", "collapsed-features", "zero-gradient"
    ):
        return None
    share = weights / ((weights + slopes) or 1.0)
    weighing = Weighing()
    weighing.add(
        0.1,
        f"the initial weights of {len(small)} layers keep only {number(start.gain)} of a gradient",
        when=bool(small),
    )
    weighing.add(
        0.7 * share * min(1.0, lost / 2, weights / 2),
        f"{number(100 * share)} % of the lost gradient (in decades) is lost at weights and constants",
    )
    weighing.add(
        0.2, f"{number(rest)} decades are lost at factors other than weights", when=rest > 2
    )
    weighing.add(
        0.15,
        "the loss of size per layer is found at the first steps",
        when=seen.noted("poor-initialization"),
    )
    weighing.add(-0.2, "but the loss per layer is mild", when=start.gain > 0.6)
    weighing.add(
        -0.4,
        "but no initialisation keeps the variance through these layers",
        when=_beyond_initialisation(trace),
    )
    weighing.add(-0.3, "but batch normalisation is switched off", when=bool(asleep(trace)))
    worst = min(small, key=lambda x: x.gain).layer if small else None
    return weighing.support([x.layer for x in small or start.links], first=worst)


def asleep(trace: Trace) -> list[Layer]:
    """Return the batch normalisations that run in eval mode."""
    return [x for x in trace.layers if x.kind.startswith("BatchNorm") and not x.training]


def lost_at_start(trace: Trace) -> float:
    """Return the decades of signal that are missing in the first steps already."""
    rows = depths(trace, first(trace))
    if not rows:
        return 0.0
    ratio = min(row.strength for row in rows) / (reference(rows) or 1.0)
    whole = whole_signal(trace, first(trace)) or 0.0
    lost = min(ratio, whole)
    if lost > 0:
        return -log10(lost)
    return 0.0 if zeroed(trace, first(trace)) else 10.0


@cause(
    "init-too-large",
    "exploding-gradient non-finite diverging-loss saturated-activation vanishing-gradient "
    "dying-relu poor-initialization stalled-loss saturated-attention update-too-large",
    "Re-draw the initial weights at the variance that keeps signals; nothing else is changed.",
)
def init_too_large(seen: Evidence) -> Support | None:
    """Initial weights are larger than what keeps the variance of signals.

    Speaks for it  a weight gain well above 1 in the first steps; outputs that grow along the depth; units
                   that are saturated from the first step on.
    Against it     inputs that are large themselves.
    Sources        He et al. 2015, eq. 10 and 14; Glorot & Bengio 2010.
    """
    trace = seen.trace
    start = budget(trace)
    large = [x for x in start.links if x.gain > 1.6 or _forward_gain(x.layer) > 2.2]
    tables = [
        x for x in trace.weight_layers if x.role is not Role.EMBEDDING and _forward_gain(x) > 2.2
    ]
    layers = list(dict.fromkeys([*(x.layer for x in large), *tables]))
    at_once = _saturated_at_start(seen) and input_size(trace) < 5
    if not (layers or at_once) or not seen.noted(*init_too_large_explains):
        return None
    gain = max((_forward_gain(x) for x in layers), default=1.0)
    weighing = Weighing()
    weighing.add(
        0.45,
        f"{len(layers)} layers start with weights {number(gain)} times what keeps the variance",
        when=bool(layers),
    )
    growth = _growth(seen, layers)
    weighing.add(0.3, f"outputs grow {number(growth)} times along the depth", when=growth > 30)
    weighing.add(
        0.3 if layers else 0.7,
        "units are saturated from the first steps on, at inputs of a usual size",
        when=at_once,
    )
    weighing.add(
        0.2, "attention is sharp from the first steps on", when=seen.has("saturated-attention")
    )
    logits = _first_logits(trace)
    weighing.add(0.35, f"the first outputs have a size of {number(logits)}", when=logits > 20)
    return weighing.support(layers, first=layers[0] if layers else None)


def _first_logits(trace: Trace) -> float:
    """Return the standard deviation of the last layer's outputs in the first steps."""
    last = [x for x in trace.weight_layers if x.depth == 0]
    return max((typical(first(trace), x.path, output_std) or 0.0 for x in last), default=0.0)


init_too_large_explains = (
    "exploding-gradient",
    "non-finite",
    "diverging-loss",
    "saturated-activation",
    "vanishing-gradient",
    "stalled-loss",
    "saturated-attention",
    "update-too-large",
)


def _forward_gain(layer: Layer) -> float:
    weight = layer.weight
    if weight is None or not layer.fan_in:
        return 1.0
    relu = layer.activation is not None and layer.activation not in BOUNDED
    return float(weight.std * layer.fan_in**0.5 * (0.5**0.5 if relu else 1.0))


def _growth(seen: Evidence, layers: list[Layer]) -> float:
    sizes = [s for x in layers if (s := typical(first(seen.trace), x.path, output_std))]
    return max(sizes) / sizes[0] if len(sizes) > 1 and sizes[0] else 1.0


def input_size(trace: Trace) -> float:
    """Return the root mean square of the inputs, 1 where it was not measured."""
    data = trace.data
    if data.input_std is None or data.input_mean is None:
        return 1.0
    return float((data.input_std**2 + data.input_mean**2) ** 0.5)


def _saturated_at_start(seen: Evidence) -> bool:
    shares = [typical(first(seen.trace), x.path, lambda r: r.saturated) for x in seen.trace.layers]
    return max((s for s in shares if s is not None), default=0.0) > 0.3


@cause(
    "depth-without-normalization",
    f"{VANISHING} exploding-gradient",
    "Insert normalisation after each layer and keep initial weights and nonlinearity.",
)
def depth_without_normalization(seen: Evidence) -> Support | None:
    """Many layers in a row with nothing that restores the size of the signal: no normalisation, no skips.

    Speaks for it  at least eight weight layers in a row, a mild loss per layer that adds up.
    Against it     normalisations or skip connections; one clear culprit per layer.
    Sources        Ioffe & Szegedy 2015, arXiv:1502.03167; He et al. 2016, arXiv:1512.03385.
    """
    trace = seen.trace
    chain = [x for x in trace.weight_layers if x.depth is not None and x.role is Role.LINEAR]
    bare = [x for x in chain if not x.normalised]
    deepest = max((x.depth or 0 for x in chain), default=0)
    if deepest < 5 or len(bare) < 0.7 * len(chain) or trace.skips:
        return None
    if not seen.noted("vanishing-gradient", "exploding-gradient", "collapsed-features"):
        return None
    start = budget(trace)
    mild = 0.55 < start.gain * start.slope < 1.8
    weighing = Weighing()
    weighing.add(
        0.3, f"{len(bare)} of {len(chain)} weight layers have no normalisation and no skip"
    )
    weighing.add(min(0.25, 0.01 * deepest), f"the signal passes {deepest + 1} layers in a row")
    weighing.add(
        0.3,
        f"each layer changes the gradient only by a factor {number(start.gain * start.slope)}: depth adds it up",
        when=mild,
    )
    weighing.add(
        -0.15,
        "but an initialisation could keep the variance through such layers",
        when=start.gain < 0.9 and not _beyond_initialisation(trace),
    )
    weighing.add(
        0.3,
        "initialisation alone does not keep the variance through such layers",
        when=_beyond_initialisation(trace),
    )
    switched_off = asleep(trace)
    weighing.add(
        0.5,
        f"{len(switched_off)} BatchNorm layers are in eval mode and normalise nothing",
        when=bool(switched_off),
    )
    return weighing.support(bare)


def _beyond_initialisation(trace: Trace) -> bool:
    """Most nonlinearities have no fixed point of the variance, or attention mixes the positions."""
    kinds = [x.activation for x in trace.weight_layers if x.activation is not None]
    smooth = sum(kind in SMOOTH for kind in kinds)
    attends = any(x.role is Role.ATTENTION for x in trace.layers)
    return attends or (bool(kinds) and smooth > len(kinds) / 2)


@cause(
    "dead-relu",
    "dying-relu zero-gradient vanishing-gradient stalled-loss collapsed-features",
    "Give the units a slope on their negative side and reset their biases.",
)
def dead_relu(seen: Evidence) -> Support | None:
    """ReLU units were pushed to where they are never active, so they get no gradient to come back.

    Speaks for it  most units of a layer were silent on every sample; large negative biases or large steps.
    Against it     few dead units beside many living ones.
    Sources        Lu et al. 2020, doi:10.4208/cicp.OA-2020-0165; Maas et al. 2013.
    """
    trace = seen.trace
    shares = {
        x.path: s
        for x in trace.layers
        if (s := typical(late(trace), x.path, lambda r: r.dead)) is not None
    }
    dead = [x for x in trace.layers if shares.get(x.path, 0.0) > 0.6]
    if not dead or not seen.noted("dying-relu"):
        return None
    worst = max(shares.values())
    before = max(
        (typical(first(trace), x.path, lambda r: r.dead) or 0.0 for x in dead), default=0.0
    )
    weighing = Weighing()
    weighing.add(0.3 + 0.4 * worst, f"{number(100 * worst)} % of the units of a layer never fire")
    weighing.add(0.2, "they were silent from the first steps on", when=before > 0.6)
    weighing.add(0.1, f"{len(dead)} layers are like that", when=len(dead) > 1)
    weighing.add(-0.2, "but they died only after large steps", when=broke_later(trace))
    weighing.add(
        -0.4,
        "but what reaches them hardly depends on the sample",
        when=fed_a_constant(trace, dead[0]),
    )
    return weighing.support(dead)


@cause(
    "long-recurrence",
    "vanishing-gradient exploding-gradient stalled-loss",
    "Shorten the sequence, or initialise the recurrence orthogonally, and see whether early steps get a gradient.",
)
def long_recurrence(seen: Evidence) -> Support | None:
    """The same weights are applied at every time step, so their effect on a gradient is a power.

    Speaks for it  the gradient at the first time steps is a tiny (or huge) part of that at the last.
    Against it     losses at every time step, attention or pooling over time.
    Sources        Bengio et al. 1994; Pascanu et al. 2013, arXiv:1211.5063.
    """
    trace = seen.trace
    ratios = {
        x.path: r
        for x in trace.weight_layers
        if (r := typical(late(trace), x.path, lambda r: r.early_over_late)) is not None
        and isfinite(r)
    }
    lost = [x for x in trace.weight_layers if x.path in ratios and not 1e-3 < ratios[x.path] < 1e3]
    if not lost or not seen.noted("vanishing-gradient", "exploding-gradient", "stalled-loss"):
        return None
    worst = min(ratios[x.path] for x in lost)
    weighing = Weighing()
    weighing.add(
        0.75,
        f"in {paths(lost)} the gradient at early time steps is {number(worst)} of that at late ones",
    )
    weighing.add(0.15, "the layer is recurrent", when=any(x.role is Role.RECURRENT for x in lost))
    return weighing.support(lost)
