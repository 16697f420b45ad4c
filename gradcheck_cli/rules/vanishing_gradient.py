"""GC101 vanishing-gradient."""

from collections.abc import Iterator
from dataclasses import replace
from math import log10
from statistics import median

from gradcheck_cli.features.circumstances import builds_up, zeroed
from gradcheck_cli.features.profile import (
    DECAYED,
    Depth,
    depths,
    first,
    late,
    passed_by,
    reference,
    typical,
    weights_left,
    whole_signal,
)
from gradcheck_cli.features.progress import ENOUGH, Progress, State, progress
from gradcheck_cli.records.examination import Answer
from gradcheck_cli.records.trace import Role, Trace
from gradcheck_cli.rules.answers import on_plateau, softened, speaks_against
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
from gradcheck_cli.rules.flat import at_wall
from gradcheck_cli.rules.telling import reduction

IDLE = 1e-2  # of the change of the upper layers: a layer that changes by less stands still
ROUNDING = 1e-7  # of a weight: what float32 can tell apart
PLAIN = 1e-4  # of the upper layers: so little is no matter of doubt, whatever the loss does
UPPER = 0.25  # of the depth
_LEAST = 1e-300
BEGUN = (
    0.01  # relative change of a layer below which the loss does not say what its gradient is worth
)
KEEPING = ("redrawn-weights", "without-saturation")  # experiments on networks that keep gradients
BEYOND_HELP = 1e-6  # ten times the precision of float32: what is left of such a gradient is noise


@rule("GC101", "vanishing-gradient")
def vanishing_gradient(
    trace: Trace,
    *,
    attenuation: float = 1e-3,
    attenuation_when_stuck: float = 1e-2,
    through_time: float = 1e-4,
    weak_network: float = 1e-2,
    faded: float = 0.1,
    wall: float = 5e-2,
) -> Iterator[Hit]:
    """The lower layers receive almost no gradient: it is lost on the way down.

    Measures  s = norm(w) * norm(dL/dw) per layer, the change of the loss per relative change of the
              layer, late in the run; its ratio to the strongest layer in the uppermost quarter of the depth;
              in recurrent layers the gradient at the first quarter of time steps over the last;
              sqrt(sum s^2) / |loss| of the whole network, for networks where s is equal everywhere,
              late in the run and in its median step;
              and the slope of each hidden bounded nonlinearity relative to its steepest.
    Reports   a ratio below `attenuation` (of a run that learns, in the first steps, where an experiment shows what
              that costs), or below `attenuation_when_stuck` while the loss does not
              fall under an optimizer that is not adaptive (there also for the gradient at the outputs);
              below `through_time` along time; below `weak_network` for the whole network, or below
              `faded` of what it was under a weight decay that shrinks the weights, while the loss
              does not fall; below `wall` for a hidden nonlinearity that saturates.
    Matters   upper layers learn to read random features, lower layers keep their initial weights.
    Severity  error when something follows from it: the lower layers do not move or the loss does not
              fall; warning when the loss stands still and begins to fall later than after as many steps
              more, or falls, though not by half, over layers behind a flat nonlinearity, or where a network that
              keeps its gradients comes far further in as many steps; note when an
              adaptive optimizer makes up for it, or has moved no layer by 1 % yet, the loss becomes
              NaN or Inf (GC501), or the network learns all the same. Along time: error where the loss
              stands still, warning where it does not clearly fall, note where it falls, soon or later.
    Not for   frozen or detached layers (GC601), gradients that dead units (GC201) or operations
              without a slope (GC103) turn to zero, constant data (GC701), a converged model,
              layers that start at zero and grow while the loss falls.
    Sources   Bengio, Simard & Frasconi 1994, doi:10.1109/72.279181; Glorot & Bengio 2010, sec. 4;
              Philipp, Song & Carbonell 2018, arXiv:1712.05577 (scale-free gradient coefficients).
    """
    rows = depths(trace)
    if not rows:
        raise CannotTellError("no weight layer received a gradient")
    state, late_end = on_plateau(trace)
    weak = _weak(trace)
    limit = attenuation_when_stuck if state.stuck and not trace.adaptive else attenuation
    lost = _attenuated(rows, limit)
    if min(row.strength for row in rows) == 0 and zeroed(trace):
        return
    wall_hit = at_wall(trace, wall, state)
    hit: Hit | None = None
    if lost:
        hit = _along_depth(trace, rows, lost, limit, state)
        hit = hit if wall_hit is None or hit.severity is Severity.ERROR else wall_hit
    elif not (hit := _backwards(trace, rows, limit, state) or _along_time(trace, through_time)):
        if weak is not None and weak < weak_network and state.stuck and not builds_up(trace):
            hit = _everywhere(rows, weak, weak_network, state)
        else:
            hit = _fading(trace, rows, state, faded) or wall_hit
    cure = next(filter(None, (speaks_against(trace, name) for name in KEEPING)), None)
    learns = late_end is not None or not state.stuck
    if cure and learns and (hit is None or hit.severity is Severity.NOTE):
        hit = _outrun(trace, attenuation, state, cure) or hit
    if (
        hit is not None and state.state is State.BROKEN
    ):  # what breaks in a few steps explains itself
        yield replace(hit, severity=Severity.NOTE)
    elif hit is not None:
        yield softened(hit, late_end) if late_end else hit


def _learned(state: Progress) -> Evidence:
    return Evidence(reduction(state), state.learned, ENOUGH, "share")


def _weak(trace: Trace) -> float | None:
    """Return the signal of the whole network late in the run, or in its median step if that is less.

    A network that has been without a signal for most of the run stands on a plateau because of it,
    even where it begins to leave it (Saxe et al. 2014, arXiv:1312.6120, sec. 3).
    """
    found = [s for s in (whole_signal(trace), whole_signal(trace, trace.observed)) if s is not None]
    return min(found, default=None)


def _attenuated(rows: list[Depth], limit: float) -> list[Depth]:
    strongest = reference(rows)
    return [
        r
        for r in rows
        if r.layer.depth and r.layer.role is not Role.EMBEDDING and r.strength < limit * strongest
    ]


def _along_depth(
    trace: Trace, rows: list[Depth], lost: list[Depth], limit: float, state: Progress
) -> Hit:
    top = reference(rows)
    worst = min(lost, key=lambda row: row.strength)
    ratio = worst.strength / top
    weak = {row.layer.path for row in lost}
    upper = [r.update for r in rows if r.layer.path not in weak and r.update is not None]
    moved = median(upper) if upper else 0.0
    idle = [r for r in lost if r.update is not None and r.update < max(IDLE * moved, ROUNDING)]
    masked = trace.adaptive and len(idle) < len(lost) / 2
    beside = masked and all(passed_by(trace, rows, row, limit * top) for row in lost)
    early = masked and ratio > BEYOND_HELP and moved * trace.taken < BEGUN  # as in a warm-up
    noted = beside or early
    severity = Severity.NOTE if noted else _severity(state, ratio, masked=masked, idle=bool(idle))
    evidence = [
        Evidence("sensitivity of the weakest layer relative to the upper layers", ratio, limit),
        Evidence("change per step of the weakest layer", worst.update or 0.0, None, "of its norm"),
        Evidence("change per step of the upper layers", moved, None, "of their norm"),
        _learned(state),
    ]
    hidden = " (an adaptive optimizer hides it in the size of the updates)" if masked else ""
    size = (
        "exactly zero, unlike"
        if ratio == 0
        else f"{-log10(max(ratio, _LEAST)):.1f} orders of magnitude smaller than"
    )
    receive = "receives" if len(lost) == 1 else "receive"
    return Hit(
        severity=severity,
        confidence=Confidence.HIGH if ratio < PLAIN or state.stuck else Confidence.MEDIUM,
        message=f"The gradient of layer {worst.layer.path} ({worst.layer.kind}) is {size} that of the upper layers"
        f"{hidden}: {len(lost)} of {len(rows)} layers {receive} almost no gradient.",
        layers=in_order([row.layer for row in lost]),
        evidence=tuple(evidence),
    )


def _outrun(trace: Trace, limit: float, state: Progress, cure: Answer) -> Hit | None:
    """The gradient is lost in the first steps, and a network that keeps it comes far further."""
    rows = depths(trace, first(trace))
    if not (lost := _attenuated(rows, limit)):
        return None
    hit = _along_depth(trace, rows, lost, limit, state)
    said = f"In the first steps {hit.message[0].lower()}{hit.message[1:]}"
    return softened(replace(hit, severity=Severity.WARNING, message=said), cure)


def _backwards(trace: Trace, rows: list[Depth], limit: float, state: Progress) -> Hit | None:
    """The gradient at the outputs is lost although norm(w) * norm(dL/dw) is not.

    The gradient of a weight is the product of what comes from above and of what comes from below. Where
    both shrink on their way, as in nearly homogeneous networks, their product is even in all layers.
    Asked only where the loss does not fall and no adaptive optimizer makes up for it.
    """
    if not state.stuck or trace.adaptive:
        return None
    hidden = [r for r in rows if r.layer.depth and r.layer.role is Role.LINEAR and r.flow]
    deepest = max((r.layer.depth or 0 for r in hidden), default=0)
    upper = [r.flow for r in hidden if (r.layer.depth or 0) <= max(1, deepest * UPPER) and r.flow]
    if not upper:
        return None
    top = median(upper)
    lost = [r for r in hidden if r.flow and r.flow < limit * top]
    if not lost:
        return None
    worst = min(lost, key=lambda row: row.flow or 0.0)
    ratio = (worst.flow or 0.0) / top
    return Hit(
        severity=Severity.ERROR,
        confidence=Confidence.MEDIUM,
        message=f"The gradient at the output of {worst.layer.path} is {-log10(ratio):.1f} orders of magnitude "
        f"weaker than that at the upper layers, and the loss is {state.state.value}.",
        layers=in_order([row.layer for row in lost]),
        evidence=(
            Evidence("gradient at the output relative to the upper layers", ratio, limit),
            Evidence("change per step of the layer", worst.update or 0.0, None, "of its norm"),
            _learned(state),
        ),
    )


def _severity(state: Progress, ratio: float, *, masked: bool, idle: bool) -> Severity:
    if state.stuck:
        return Severity.ERROR
    if state.fine and (masked or not idle):
        return Severity.NOTE
    beyond_help = ratio < BEYOND_HELP and not state.fine
    return Severity.ERROR if idle or beyond_help else Severity.NOTE


def _along_time(trace: Trace, limit: float) -> Hit | None:
    """The gradient fades along time: no harm in a run that learns when it goes on, however late."""
    found, state = [], progress(trace)
    for layer in trace.weight_layers:
        ratio = typical(late(trace), layer.path, lambda r: r.early_over_late)
        if ratio is not None and ratio < limit:
            found.append((ratio, layer))
    if not found:
        return None
    ratio, layer = min(found, key=lambda pair: pair[0])
    unharmed = state.better or state.state in {State.UNRATED, State.UNKNOWN}
    stands = Severity.ERROR if state.stuck else Severity.WARNING
    return Hit(
        severity=Severity.NOTE if unharmed else stands,  # late steps may tell enough
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"In {layer.path} the gradient that reaches the first time steps is {number(ratio)} "
        "of that at the last: what comes early hardly changes the weights.",
        layers=in_order([x for _, x in found]),
        evidence=(
            Evidence("gradient at the first quarter of time steps over the last", ratio, limit),
            _learned(state),
        ),
    )


def _everywhere(rows: list[Depth], weak: float, limit: float, state: Progress) -> Hit:
    moves = [u for r in rows if (u := r.update) is not None]
    return Hit(
        severity=Severity.ERROR,
        confidence=Confidence.HIGH if weak < limit / 10 else Confidence.MEDIUM,
        message=f"The whole network hardly acts on its loss: changing every weight by 1 % would change "
        f"the loss by {number(weak)} %. The signal is lost in the forward pass already.",
        layers=in_order([row.layer for row in rows]),
        evidence=(
            Evidence("relative change of the loss per relative change of the weights", weak, limit),
            Evidence("median change of a layer per step", median(moves) if moves else 0.0, None),
            _learned(state),
        ),
    )


def _fading(trace: Trace, rows: list[Depth], state: Progress, limit: float) -> Hit | None:
    """Weight decay takes the signal away while the loss does not fall: it goes on until nothing is left.

    Weights that decay shrink by a constant factor per step, and the signal by its power of the depth.
    """
    before, after = whole_signal(trace, first(trace)), whole_signal(trace)
    left = weights_left(trace)
    if not (state.stuck and before and after) or after > limit * before or left > DECAYED:
        return None
    return Hit(
        severity=Severity.ERROR,
        confidence=Confidence.MEDIUM,
        message=f"Weight decay has shrunk the weights to {number(left)} of their size and the network's effect "
        f"on its loss to {number(after / before)}, and the loss is {state.state.value}.",
        layers=in_order([row.layer for row in rows]),
        evidence=(
            Evidence("effect on the loss relative to the first steps", after / before, limit),
            Evidence("size of the weights relative to the first steps", left, DECAYED),
            _learned(state),
        ),
    )
