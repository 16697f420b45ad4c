"""GC301 poor-initialization."""

from collections.abc import Iterator
from itertools import pairwise
from math import exp, log
from statistics import median

from gradcheck_cli.features.circumstances import all_zero
from gradcheck_cli.features.profile import arriving_rms, first, gradient_rms, output_std, typical
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.features.promising import promising
from gradcheck_cli.records.trace import Layer, Role, Trace
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

SHORTEST_CHAIN = 4  # weight layers in a row, of which a factor per layer can be read


@rule("GC301", "poor-initialization")
def poor_initialization(
    trace: Trace, *, depths_survived: float = 6.0, per_layer: float = 1.25
) -> Iterator[Hit]:
    """The initial weights do not keep the size of signals, or make all units of a layer the same.

    Measures  how much the rms of outputs and of gradients changes per layer in the first steps,
              g = exp(mean of log ratios along the depth); the depth scale 1 / |ln g^2| of mean-field
              theory; and whether all units of a layer have identical weights to the end.
    Reports   g off 1 by more than a factor `per_layer` when the network is deeper than
              `depths_survived` depth scales; identical units anywhere.
    Matters   a signal that shrinks (or grows) by a constant factor per layer is gone after a few of
              them; identical units stay identical and count as one.
    Severity  error for identical units and, while the loss does not fall, for lost signals; else note.
    Not for   normalized layers, which set the size of their outputs themselves.
    Sources   Glorot & Bengio 2010, eq. 10-12; He et al. 2015, arXiv:1502.01852, eq. 10, 14;
              Schoenholz et al. 2017, arXiv:1611.01232, sec. 4 (trainable up to about 6 depth scales).
    """
    twins = [x for x in trace.weight_layers if _symmetric(trace, x)]
    if twins:
        yield Hit(
            severity=Severity.ERROR,
            message=_alike(trace, twins[0]),
            layers=in_order(twins),
            evidence=(Evidence("layers whose units are all identical", float(len(twins)), 0.0),),
        )
    chain = [x for x in trace.weight_layers if x.role is Role.LINEAR and x.depth is not None]
    if len(chain) < SHORTEST_CHAIN:
        if not twins:
            raise CannotTellError("fewer than four weight layers in a row")
        return
    if any(x.normalized for x in chain) or trace.skips:
        return
    yield from _lost_signal(trace, chain, depths_survived, per_layer)


def _symmetric(trace: Trace, layer: Layer) -> bool:
    weight = layer.weight
    if weight is None or not weight.rows_identical or layer.role is Role.EMBEDDING:
        return False
    trained = weight.trainable and weight.optimized and layer.gradient_arrives
    moved = typical(trace.observed, layer.path, gradient_rms)
    return trained and len(trace.observed) >= 2 and (bool(moved) or all_zero(trace, layer))


def _alike(trace: Trace, layer: Layer) -> str:
    if not all_zero(trace, layer):
        said = "have the same weights and stay the same: the layer has the power of a single unit."
        return f"All units of {layer.path} {said}"
    return (
        f"All weights of {layer.path} are zero and stay zero: they get no gradient while what follows them "
        "is zero, too. Draw one of the two at random."
    )


def _gain(trace: Trace, chain: list[Layer], *, forward: bool) -> float | None:
    """Return the geometric mean factor per layer, up the network or down."""
    values = []
    for layer in sorted(chain, key=lambda x: -(x.depth or 0)):
        value = typical(
            first(trace),
            layer.path,
            output_std if forward else arriving_rms,
        )
        if value:
            values.append(log(value))
    if len(values) < SHORTEST_CHAIN:
        return None
    mean = median(b - a for a, b in pairwise(values))
    return exp(mean if forward else -mean)


def _lost_signal(
    trace: Trace, chain: list[Layer], depths_survived: float, per_layer: float
) -> Iterator[Hit]:
    state = progress(trace)
    for forward in (True, False):
        gain = _gain(trace, chain, forward=forward)
        if gain is None or 1 / per_layer < gain < per_layer:
            continue
        scale = 1 / abs(2 * log(gain))
        if len(chain) <= depths_survived * scale:
            continue
        what, scales = "outputs" if forward else "gradients", round(depths_survived * scale)
        verb = "shrink" if gain < 1 else "grow"
        yield Hit(
            severity=Severity.ERROR
            if state.state is State.STALLED and not promising(trace)
            else Severity.NOTE,
            confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
            message=f"At this initialization {what} {verb} by a factor {number(max(gain, 1 / gain))} per "
            f"layer: the depth scale is about {scales} layer{'s' * (scales != 1)}; the network has "
            f"{len(chain)}.",
            layers=in_order(chain),
            evidence=(
                Evidence(
                    f"factor per layer, {what}", gain, per_layer if gain > 1 else 1 / per_layer
                ),
            ),
        )
        return
