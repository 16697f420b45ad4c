"""Causes in the number of layers or time steps that a signal passes, and in the factors on its way."""

from gradcheck_cli.causes.attenuation import budget
from gradcheck_cli.causes.base import Evidence, Support, cause, experiment, paths, signs
from gradcheck_cli.causes.of_initialization import too_small
from gradcheck_cli.causes.shares import (
    ABOVE_DEPTH,
    BOUNDED_SLOPES,
    ENOUGH,
    FACTORS,
    GATES,
    RECURRENCE,
    SKIPS,
    STANDARDIZED,
    STATISTICS,
    Shares,
)
from gradcheck_cli.features.circumstances import (
    VANISHING,
    asleep,
    beyond_initialization,
    lost_at_start,
)
from gradcheck_cli.features.profile import depths, first, late, typical
from gradcheck_cli.ops import BOUNDED
from gradcheck_cli.records.trace import Layer, Role, Trace
from gradcheck_cli.rules.base import number

DEEP = 5  # layers below the first of a row: fewer lose little
MOSTLY = 0.7  # of a row's layers without normalization: as good as all
MILD = (0.55, 1.8)  # factors of the gradient per layer, which only add up over many
FLAT = 0.25  # of the attenuation, at activations that are flat near 0
KEPT = 0.9  # of the size of a signal per layer: below, initial weights could keep more
CARRIED = 1e-2  # of the flow at the last layer, at the least on its way down
STEADY = (1e-3, 1e3)  # times the gradient at late steps, at early ones


@cause(
    "depth-without-normalization",
    f"{VANISHING} exploding-gradient",
    "Insert normalization after each layer and keep initial weights and nonlinearity.",
)
def depth_without_normalization(seen: Evidence) -> Support | None:
    """Many layers in a row with nothing that restores the size of the signal: no normalization, no skips.

    Speaks for it  at least six weight layers in a row, a mild loss per layer that adds up; nonlinearities
                   that are flat near 0, which no initial weight makes up for.
    Against it     normalizations, or skip connections on which the gradient comes down; one clear
                   culprit per layer; nothing lost before the first update.
    Sources        Ioffe & Szegedy 2015, arXiv:1502.03167; He et al. 2016, arXiv:1512.03385.
    """
    trace = seen.trace
    chain = [x for x in trace.weight_layers if x.depth is not None and x.role is Role.LINEAR]
    bare = [x for x in chain if not x.normalized]
    # a layer that is applied again and again adds time, not depth
    deepest = min(max((x.depth or 0 for x in chain), default=0), len(chain) - 1)
    found = seen.at_start
    # where a way around restores what normalization has not kept, the way is what is missing
    skipless = found is not None and not found.along_time and found[SKIPS].value >= ENOUGH
    normalized = len(bare) < MOSTLY * len(chain)
    if deepest < DEEP or _carried(trace) or (normalized and not skipless):
        return None
    if not seen.noted(
        "vanishing-gradient", "exploding-gradient", "collapsed-features", "poor-initialization"
    ):
        return None
    said = f"{len(bare)} of {len(chain)} weight layers have no normalization and no skip that carries the gradient"
    if normalized:
        said, bare = f"no skip carries the gradient around any of {len(chain)} weight layers", chain
    row = f"the signal passes {deepest + 1} layers in a row"
    asleep_said = f"{len(asleep(trace))} BatchNorm layers are in eval mode and normalize nothing"
    if found and found[STATISTICS].value >= ENOUGH and asleep(trace):
        return experiment(found, STATISTICS, asleep(trace), more=(asleep_said,))
    if found and not found.along_time:
        way = max(SKIPS, STANDARDIZED, key=lambda name: found[name].value)
        left = found[way].value * (1 - explained(seen, found))
        return experiment(found, way, bare, share=left, more=(row, said))
    return _by_signs(seen, bare, said, row, asleep_said)


def _by_signs(
    seen: Evidence, bare: list[Layer], said: str, row: str, asleep_said: str
) -> Support | None:
    """Weigh what each layer does to the gradient, where no pass was made."""
    trace = seen.trace
    start = budget(trace)
    factor = start.gain * start.slope
    shrunk = start.share_at(x for x in start.links if x.layer.activation not in BOUNDED)
    mild = f"{said}; each layer changes the gradient only by a factor {number(factor)}: depth adds it up"
    flat = (
        f"{number(100 * shrunk)} % of the attenuation (in log units) happens at activations that are "
        "not saturated, only flat near 0"
    )
    return signs(
        [
            (True, row),
            (MILD[0] < factor < MILD[1], mild),
            (shrunk > FLAT, flat),
            (bool(asleep(trace)), asleep_said),
            (
                beyond_initialization(trace),
                "initialization alone does not keep the variance through such layers",
            ),
        ],
        [
            (
                (seen.has("vanishing-gradient") and lost_at_start(trace) < 1)
                or (seen.shares is not None and seen.shares.dynamic),
                "but hardly anything was lost before the first update",
            ),
            (
                start.gain < KEPT and shrunk < 0.5 and not beyond_initialization(trace),
                "but an initialization could keep the variance through such layers",
            ),
        ],
        bare,
    )


def explained(seen: Evidence, found: Shares) -> float:
    """Return what causes upstream of the depth explain of the loss: factors, slopes, weights."""
    return max(too_small(seen.trace, found), *(found[name].value for name in ABOVE_DEPTH))


def _carried(trace: Trace) -> bool:
    """Is there a way around layers, and does the gradient come down on it?"""
    if not trace.skips:
        return False
    rows = [r for r in depths(trace, first(trace)) if r.flow and r.layer.role is Role.LINEAR]
    return not rows or min(r.flow or 0.0 for r in rows) > CARRIED * (rows[-1].flow or 0.0)


@cause(
    "long-recurrence",
    "vanishing-gradient exploding-gradient stalled-loss",
    "Shorten the sequence, or initialize the recurrence orthogonally, and see whether early steps get a gradient.",
)
def long_recurrence(seen: Evidence) -> Support | None:
    """The same weights are applied at every time step, so their effect on a gradient is a power.

    Speaks for it  the gradient at the first time steps is a tiny (or huge) part of that at the last.
    Against it     losses at every time step, attention or pooling over time.
    Sources        Bengio et al. 1994; Pascanu et al. 2013, arXiv:1211.5063.
    """
    trace = seen.trace
    ratios = {
        x.path: r for x in trace.weight_layers if (r := _over_time(trace, x.path)) is not None
    }
    lost = [x for x in trace.weight_layers if not STEADY[0] < ratios.get(x.path, 1.0) < STEADY[1]]
    if not lost or not seen.noted("vanishing-gradient", "exploding-gradient", "stalled-loss"):
        return None
    worst = min(ratios[x.path] for x in lost)
    said = (
        f"in {paths(lost)} the gradient at early time steps is {number(worst)} of that at late ones"
    )
    recurrent = any(x.role is Role.RECURRENT for x in lost)
    found = seen.at_start
    if found and found.along_time:
        way = max(RECURRENCE, GATES, key=lambda name: found[name].value)
        if found[way].value > 0:
            return experiment(found, way, lost, more=(said,))
    flat = found is not None and found.along_time and found[BOUNDED_SLOPES].value >= ENOUGH
    return signs(
        [
            (True, said),
            (True, "it is the same weights at each step"),
            (recurrent, "the layer is recurrent"),
        ],
        [(flat, "but the slopes of its nonlinearities explain it")],
        lost,
    )


def _over_time(trace: Trace, path: str) -> float | None:
    """Return the gradient at early over late time steps, late, or at the beginning if more was lost then."""
    before, after = (
        typical(steps, path, lambda r: r.early_over_late) for steps in (first(trace), late(trace))
    )
    return min(before, after or 1.0) if before is not None and before < 1 else after


@cause(
    "constant-factor",
    VANISHING,
    "Leave the factor out and change nothing else.",
)
def constant_factor(seen: Evidence) -> Support | None:
    """A constant multiplies what layers compute, and shrinks the signal each time.

    Speaks for it  the signal comes back when multiplications and divisions by constants are left out.
    Against it     branches beside a skip connection, which a small factor keeps stable.
    Sources        He et al. 2015, arXiv:1502.01852, eq. 14: a factor counts as a weight does.
    """
    found = seen.at_start
    if found is None or found.along_time:
        return None  # a leak along time is what a recurrence forgets with
    if found[FACTORS].value < ENOUGH or found[FACTORS].decades <= 0:
        return None
    share = found[FACTORS]
    said = f"a factor of {1 / share.factor:.3g} is applied along the way"
    return experiment(found, FACTORS, seen.trace.weight_layers, more=(said,))
