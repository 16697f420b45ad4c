"""Causes in the initial weights: too small, too large."""

from math import log10
from statistics import mean

from gradcheck_cli.causes.attenuation import (
    SMALLEST,
    Budget,
    budget,
    crossings,
    lost_over_time,
    sharp,
)
from gradcheck_cli.causes.base import Evidence, Support, cause, experiment, signs
from gradcheck_cli.causes.shares import ENOUGH, LOGITS, SCORES, WEIGHTS, Shares
from gradcheck_cli.features.circumstances import (
    LARGE,
    VANISHING,
    asleep,
    beyond_initialization,
    flat_end,
    input_size,
    lost_at_start,
    pinned_output,
    saturated_at_start,
)
from gradcheck_cli.features.profile import BLOWN, begun, first_logits, output_std, typical
from gradcheck_cli.ops import BOUNDED
from gradcheck_cli.records.trace import Layer, Role, Trace
from gradcheck_cli.rules.base import counted, number

SMALL = 0.8  # weight gain per layer: 10 layers in a row keep a tenth
UNUSUAL = 3.0  # times off the size that keeps the variance: torch's own default is 2.4 below it
LARGER, WIDER = 1.6, 2.2  # weight gains that are too large: on the way back, and forward
GROWN = 30.0  # times the outputs of the first layer
LEAST_SCALE = 0.2  # decades, a factor of 1.6, by which weights are out of scale


@cause(
    "init-too-small",
    VANISHING,
    "Re-draw the initial weights at the variance that keeps gradients; nothing else is changed.",
)
def init_too_small(seen: Evidence) -> Support | None:
    """Initial weights are smaller than what keeps the variance of signals from layer to layer.

    Speaks for it  fan_out * Var[w] (times 1/2 before a ReLU) is well below 1 in most layers.
    Against it     normalization, which restores the size; slopes of bounded units, hidden softmaxes or
                   time steps that lose more; an end of the network that is flat.
    Sources        Glorot & Bengio 2010, eq. 10-12; He et al. 2015, eq. 10 and 14.
    """
    trace = seen.trace
    if not seen.noted(
        "vanishing-gradient", "collapsed-features", "zero-gradient", "poor-initialization"
    ):
        return None
    start = budget(trace)
    small = [x for x in start.links if x.gain < SMALL]
    layers = [x.layer for x in small or start.links]
    worst = min(small, key=lambda x: x.gain).layer if small else None
    kept = f"the initial weights of {counted(len(small), '', '').rstrip()} keep only {number(start.gain)} of a gradient"
    found = seen.at_start
    if found is not None and WEIGHTS in found.of:
        share = too_small(trace, found)
        return experiment(found, WEIGHTS, layers, share=share, first=worst, more=(kept,))
    return _small_by_signs(seen, start, kept, layers, worst)


def too_small(trace: Trace, found: Shares) -> float:
    """Return the share of the loss that small initial weights explain.

    What scaling the weights brings back, in the measure in which the weights' own gain (He et al. 2015,
    eq. 10) makes up the factor by which they had to be scaled: the rest of that factor is lost elsewhere
    (at averages over positions or nodes, at slopes), and scaling weights only makes up for it.
    """
    share = found[WEIGHTS]
    gains = [log10(_forward_gain(x.layer)) for x in budget(trace).links if x.layer.weight]
    if share.decades <= 0 or not gains:
        return 0.0
    small = max(-mean(gains), 0.0)
    if beyond_initialization(trace) and small < log10(UNUSUAL):
        return 0.0  # no initialization would hold the size, and this one is a usual one
    return share.value * min(small / share.decades, 1.0)


def _small_by_signs(
    seen: Evidence, start: Budget, kept: str, layers: list[Layer], worst: Layer | None
) -> Support | None:
    """Weigh where the gradient is lost, where no pass was made."""
    trace = seen.trace
    lost, slopes = lost_at_start(trace), max(-start.slopes, 0.0)
    elsewhere = sum(x.lost for x in crossings(trace)) + lost_over_time(trace)
    # what neither slopes nor weights nor softmaxes nor time steps explain: constants on the way
    rest = max(lost - slopes + min(start.weights, 0.0) - elsewhere, 0.0)
    weights = max(-start.weights, 0.0) + rest
    share = weights / ((weights + slopes + elsewhere) or 1.0)
    said = f"{number(100 * share)} % of the attenuation (in log units) happens at weights and constants"
    return signs(
        [
            (worst is not None, kept),
            (share > 0.5 and min(lost, weights) > 1, said),
            (seen.noted("poor-initialization"), "size is lost per layer at the first steps"),
        ],
        [
            (
                beyond_initialization(trace),
                "but no initialization keeps the variance through these layers",
            ),
            (pinned_output(trace), "but the output activation is saturated"),
            (bool(asleep(trace)), "but batch normalization is switched off"),
            (flat_end(trace), "but not even the last layer gets a gradient"),
            (share < 0.5, "but most of it is lost at slopes, softmaxes or time steps"),
            (
                lost < 1 or (seen.shares is not None and seen.shares.dynamic),
                "but hardly anything was lost before the first update",
            ),
        ],
        layers,
        first=worst,
    )


@cause(
    "init-too-large",
    "exploding-gradient non-finite diverging-loss saturated-activation vanishing-gradient "
    "dying-relu poor-initialization large-first-loss worse-than-constant stalled-loss saturated-attention "
    "update-too-large",
    "Re-draw the initial weights at the variance that keeps signals; nothing else is changed.",
)
def init_too_large(seen: Evidence) -> Support | None:
    """Initial weights are larger than what keeps the variance of signals.

    Speaks for it  a weight gain well above 1 in the first steps; outputs that grow along the depth or are
                   large at the end before anything was learned (residual sums); units that are saturated
                   from the first step on.
    Against it     inputs that are large themselves.
    Sources        He et al. 2015, eq. 10 and 14; Glorot & Bengio 2010.
    """
    trace = seen.trace
    layers = _oversized(trace)
    at_once = saturated_at_start(trace) and input_size(trace) < LARGE
    chosen = sharp(crossings(trace))
    logits = first_logits(trace)
    blown = logits > BLOWN and input_size(trace) < LARGE
    if not (layers or at_once or chosen or blown) or not seen.noted(*init_too_large_explains):
        return None
    found = seen.at_start
    first = layers[0] if layers else None
    if found and (name := _scaled_down(found)) and input_size(trace) < LARGE:
        return experiment(found, name, layers, first=first)
    gain = max((_forward_gain(x) for x in layers), default=1.0)
    growth = _growth(seen, layers)
    chose = (
        f"{len(chosen)} softmaxes have chosen before anything was learned: they hand on what they chose "
        f"and take {number(sum(x.lost for x in chosen))} orders of magnitude of the gradient"
    )
    flat = "units are saturated from the first steps on, at inputs of a usual size"
    return signs(
        [
            (
                bool(layers),
                f"{counted(len(layers), 'starts', 'start')} with weights {number(gain)} times what keeps the variance",
            ),
            (growth > GROWN, f"outputs grow {number(growth)} times along the depth"),
            (at_once, flat),
            (at_once and found is not None, "only large weights or biases put them there"),
            (seen.has("saturated-attention"), "attention is sharp from the first steps on"),
            (bool(chosen), chose),
            (bool(chosen), "what enters them is too large"),
            (logits > BLOWN, f"the first outputs have a size of {number(logits)}"),
        ],
        [
            (input_size(trace) >= LARGE, "but the inputs are large themselves"),
        ],
        layers,
        first=first,
    )


def _scaled_down(found: Shares) -> str | None:
    """Return the intervention that brings back most by making something smaller."""
    smaller = [
        name
        for name in (LOGITS, SCORES, WEIGHTS)
        if found[name].value >= ENOUGH and found[name].decades < -LEAST_SCALE
    ]
    return max(smaller, key=lambda name: found[name].value, default=None)


def _oversized(trace: Trace) -> list[Layer]:
    """Return the layers whose weights are larger than what keeps the variance."""
    large = [
        x.layer for x in budget(trace).links if x.gain > LARGER or _forward_gain(x.layer) > WIDER
    ]
    tables = [
        x
        for x in trace.weight_layers
        if x.role is not Role.EMBEDDING and _forward_gain(x) > _LARGE.get(x.role, WIDER)
    ]
    return list(dict.fromkeys([*large, *tables]))


init_too_large_explains = tuple(
    "exploding-gradient non-finite diverging-loss saturated-activation vanishing-gradient stalled-loss "
    "saturated-attention update-too-large".split()
)


# Weight gains that are too large; a recurrence applies its own at every time step.
_LARGE = {Role.RECURRENT: 1.3}


def _forward_gain(layer: Layer) -> float:
    weight = layer.weight
    if weight is None or not layer.fan_in:
        return 1.0
    relu = layer.activation is not None and layer.activation not in BOUNDED
    return float(max(weight.std, SMALLEST) * layer.fan_in**0.5 * (0.5**0.5 if relu else 1.0))


def _growth(seen: Evidence, layers: list[Layer]) -> float:
    sizes = [s for x in layers if (s := typical(begun(seen.trace), x.path, output_std))]
    return max(sizes) / sizes[0] if len(sizes) > 1 and sizes[0] else 1.0
