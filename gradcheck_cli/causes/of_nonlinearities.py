"""Causes at nonlinearities: units that are flat, units that are dead, slopes that are infinite."""

from math import isfinite

from gradcheck_cli.causes.attenuation import BOUNDED, budget
from gradcheck_cli.causes.base import Evidence, Support, Weighing, cause
from gradcheck_cli.causes.circumstances import (
    VANISHING,
    broke_later,
    saturated_at_start,
)
from gradcheck_cli.records.trace import Step
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.profile import (
    first,
    late,
    typical,
)
from gradcheck_cli.rules.zeros import fed_a_constant, uses_half

_NAMED = 3  # calls in a sentence


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
    at_once = saturated_at_start(trace)
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
        when=any(fed_a_constant(trace, x) for x in dead),
    )
    return weighing.support(dead)


@cause(
    "infinite-slope",
    "non-finite",
    "Keep what the function is given a little away from the point.",
)
def infinite_slope(seen: Evidence) -> Support | None:
    """A function was evaluated where it has a value but no finite slope: the square root at 0.

    Speaks for it  such a call on what layers computed, and a gradient that is no number in a step whose
                   loss and outputs still are.
    Against it     a loss or an output that is no number first; sixteen bits, which overflow; steps so
                   large that anything breaks.
    Sources        IEEE 754: 0 * inf is NaN; PyTorch notes, Autograd mechanics (non-differentiable
                   functions).
    """
    calls = seen.trace.steep
    broken = next((s for s in seen.trace.observed if _has_broken_gradient(s)), None)
    if not calls or broken is None or not isfinite(broken.loss) or _has_broken_output(broken):
        return None
    named = (
        f"{c.operation.strip('_')}()" + (f" at {c.at}" if c.at else "") for c in calls[:_NAMED]
    )
    weighing = Weighing()
    weighing.add(
        0.7,
        f"in step {broken.index + 1} loss and outputs are numbers and a gradient is not, and there is "
        f"no finite slope at the end of the range of {', '.join(named)}",
    )
    weighing.add(0.2, "it was so from the first step on", when=broken.index == 0)
    weighing.add(-0.5, "but sixteen bits overflow", when=uses_half(seen.trace))
    weighing.add(
        -0.5,
        "but steps so large break anything",
        when=broken.index > 0 and seen.has("update-too-large", "diverging-loss"),
    )
    return weighing.support(at=calls[0].at)


def _has_broken_gradient(step: Step) -> bool:
    """Is a gradient no number, in a step that no scaler skipped on purpose?"""
    moments = (
        m for r in step.readings.values() for m in (r.output_grad, r.weight_grad, r.bias_grad)
    )
    return not step.skipped and any(m is not None and m.nonfinite for m in moments)


def _has_broken_output(step: Step) -> bool:
    return any(r.output is not None and r.output.nonfinite for r in step.readings.values())
