"""Causes in the initial weights: too small, too large."""

from gradcheck_cli.causes.attenuation import BOUNDED, budget, crossings, lost_over_time, sharp
from gradcheck_cli.causes.base import Evidence, Support, Weighing, cause
from gradcheck_cli.causes.circumstances import (
    VANISHING,
    asleep,
    beyond_initialisation,
    flat_end,
    input_size,
    lost_at_start,
    pinned_output,
    saturated_at_start,
)
from gradcheck_cli.records.trace import Layer, Role, Trace
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.profile import begun, first_logits, output_std, typical


@cause(
    "init-too-small",
    VANISHING,
    "Re-draw the initial weights at the variance that keeps gradients; nothing else is changed.",
)
def init_too_small(seen: Evidence) -> Support | None:
    """Initial weights are smaller than what keeps the variance of signals from layer to layer.

    Speaks for it  fan_out * Var[w] (times 1/2 before a ReLU) is well below 1 in most layers.
    Against it     normalisation, which restores the size; slopes of bounded units, hidden softmaxes or
                   time steps that lose more; an end of the network that is flat.
    Sources        Glorot & Bengio 2010, eq. 10-12; He et al. 2015, eq. 10 and 14.
    """
    trace = seen.trace
    start = budget(trace)
    small = [x for x in start.links if x.gain < 0.8]
    lost, slopes = lost_at_start(trace), max(-start.slopes, 0.0)
    elsewhere = sum(x.lost for x in crossings(trace)) + lost_over_time(trace)
    # what neither slopes nor weights nor softmaxes nor time steps explain: constants on the way
    rest = max(lost - slopes + min(start.weights, 0.0) - elsewhere, 0.0)
    weights = max(-start.weights, 0.0) + rest
    if not (small or rest > 1) or not seen.noted(
        "vanishing-gradient", "collapsed-features", "zero-gradient", "poor-initialization"
    ):
        return None
    share = weights / ((weights + slopes + elsewhere) or 1.0)
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
    _weigh_against(weighing, trace, start.gain)
    worst = min(small, key=lambda x: x.gain).layer if small else None
    return weighing.support([x.layer for x in small or start.links], first=worst)


def _weigh_against(weighing: Weighing, trace: Trace, gain: float) -> None:
    """Add what speaks against weights that are too small."""
    weighing.add(-0.2, "but the loss per layer is mild", when=gain > 0.6)
    weighing.add(
        -0.4,
        "but no initialisation keeps the variance through these layers",
        when=beyond_initialisation(trace),
    )
    weighing.add(-0.4, "but the output sits at the end of its range", when=pinned_output(trace))
    weighing.add(-0.3, "but batch normalisation is switched off", when=bool(asleep(trace)))
    weighing.add(-0.6, "but not even the last layer gets a gradient", when=flat_end(trace))


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
    at_once = saturated_at_start(trace) and input_size(trace) < 5
    chosen = sharp(crossings(trace))
    logits = first_logits(trace)
    blown = logits > 20 and input_size(trace) < 5
    if not (layers or at_once or chosen or blown) or not seen.noted(*init_too_large_explains):
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
    weighing.add(
        0.75,
        f"{len(chosen)} softmaxes have chosen before anything was learned: they hand on what they chose and "
        f"take {number(sum(x.lost for x in chosen))} decades of the gradient",
        when=bool(chosen),
    )
    weighing.add(
        0.35 if layers else 0.7,
        f"the first outputs have a size of {number(logits)}",
        when=logits > 20 if layers else blown,
    )
    return weighing.support(layers, first=layers[0] if layers else None)


def _oversized(trace: Trace) -> list[Layer]:
    """Return the layers whose weights are larger than what keeps the variance."""
    large = [x.layer for x in budget(trace).links if x.gain > 1.6 or _forward_gain(x.layer) > 2.2]
    tables = [
        x
        for x in trace.weight_layers
        if x.role is not Role.EMBEDDING and _forward_gain(x) > _LARGE.get(x.role, 2.2)
    ]
    return list(dict.fromkeys([*large, *tables]))


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


# Weight gains that are too large; a recurrence applies its own at every time step.
_LARGE = {Role.RECURRENT: 1.3}


def _forward_gain(layer: Layer) -> float:
    weight = layer.weight
    if weight is None or not layer.fan_in:
        return 1.0
    relu = layer.activation is not None and layer.activation not in BOUNDED
    return float(weight.std * layer.fan_in**0.5 * (0.5**0.5 if relu else 1.0))


def _growth(seen: Evidence, layers: list[Layer]) -> float:
    sizes = [s for x in layers if (s := typical(begun(seen.trace), x.path, output_std))]
    return max(sizes) / sizes[0] if len(sizes) > 1 and sizes[0] else 1.0
