"""Causes in the number of layers or time steps that a signal passes."""

from math import isfinite

from gradcheck_cli.causes.attenuation import budget
from gradcheck_cli.causes.base import Evidence, Support, Weighing, cause, paths
from gradcheck_cli.causes.circumstances import (
    VANISHING,
    asleep,
    beyond_initialisation,
)
from gradcheck_cli.records.trace import Role
from gradcheck_cli.rules.base import number
from gradcheck_cli.rules.profile import (
    late,
    typical,
)


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
    if not seen.noted(
        "vanishing-gradient", "exploding-gradient", "collapsed-features", "poor-initialization"
    ):
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
        when=start.gain < 0.9 and not beyond_initialisation(trace),
    )
    weighing.add(
        0.3,
        "initialisation alone does not keep the variance through such layers",
        when=beyond_initialisation(trace),
    )
    switched_off = asleep(trace)
    weighing.add(
        0.5,
        f"{len(switched_off)} BatchNorm layers are in eval mode and normalise nothing",
        when=bool(switched_off),
    )
    return weighing.support(bare)


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
