"""Nonlinearities that are flat wherever the data lies."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import first, late, typical, update_ratio, whole_signal
from gradcheck_cli.features.progress import ENOUGH, FALLING, Progress, State, mann_kendall, progress
from gradcheck_cli.features.promising import promising
from gradcheck_cli.records.trace import Layer, Role, Trace
from gradcheck_cli.rules.answers import hit_of, speaks_against
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
from gradcheck_cli.rules.telling import reduction


@rule("GC201", "dying-relu")
def dying_relu(trace: Trace, *, dead: float = 0.6, nearly_all: float = 0.95) -> Iterator[Hit]:
    """Units of a ReLU layer are silent on every sample: they can not learn any more.

    Measures  per layer the share of units that were 0 on all samples of the last inspected batches.
    Reports   a share above `dead`.
    Matters   a unit that never fires has a gradient of exactly 0 and stays as it is for ever.
    Severity  error when more than `nearly_all` units of a layer are dead, or the loss grows; warning
              when it stands still and nothing promises that it will fall; else note.
    Not for   sparse activations: half of the *outputs* of a healthy ReLU layer are 0, its units are not.
    Sources   Maas, Hannun & Ng 2013 (leaky units); Lu et al. 2020, doi:10.4208/cicp.OA-2020-0165.
    """
    shares = {
        x.path: share
        for x in trace.layers
        if x.role is Role.ACTIVATION
        and (share := typical(late(trace), x.path, lambda r: r.dead)) is not None
    }
    if not shares:
        raise CannotTellError("no layer with units that can die (ReLU and kin) was seen")
    state = progress(trace)
    sick = [x for x in trace.layers if shares.get(x.path, 0.0) > dead]
    if not sick:
        return
    worst = max(sick, key=lambda x: shares[x.path])
    share = shares[worst.path]
    severity = Severity.NOTE
    if not state.fine and share > nearly_all:
        severity = Severity.ERROR
    elif state.stuck and not promising(trace):
        severity = Severity.WARNING if state.state is State.STALLED else Severity.ERROR
    before = typical(first(trace), worst.path, lambda r: r.dead) or 0.0
    yield Hit(
        severity=severity,
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"{number(100 * share)} % of the units of {worst.path} were silent on every sample seen; "
        f"{len(sick)} of {len(shares)} ReLU layers are like that.",
        layers=in_order(sick),
        evidence=(
            Evidence("share of units silent on every sample", share, dead),
            Evidence("share in the first steps", before, None),
        ),
    )


NEARLY_ALL = 0.9  # of the units, of which the median over the late steps is flat
MOVING = 1e-4  # of a layer's norm per step; GC401 calls less too small


@rule("GC202", "saturated-activation")
def saturated_activation(trace: Trace, *, saturated: float = 0.5) -> Iterator[Hit]:
    """Sigmoid or tanh units sit at their ends, where they are flat.

    Measures  per nonlinearity the share of outputs where its slope is below 1 % of its steepest.
    Reports   a share above `saturated` late in the run.
    Matters   such a unit passes less than a hundredth of the gradient that arrives.
    Severity  error when the loss does not fall well, warning when it falls, note once more than half of
              it is gone, or while it falls or promises to, and units, or the gradient, come back; also
              while it falls well under an adaptive optimizer that moves all layers below by more than
              0.01 % of their size per step.
    Not for   gates of LSTM and GRU, which are meant to open and shut.
    Sources   Glorot & Bengio 2010, sec. 3; LeCun et al. 1998, Efficient BackProp, sec. 4.4.
    """
    shares = {
        x.path: share
        for x in trace.layers
        if x.role is Role.ACTIVATION
        and (share := typical(late(trace), x.path, lambda r: r.saturated)) is not None
    }
    if not shares:
        raise CannotTellError("no layer with two flat sides (sigmoid, tanh and kin) was seen")
    sick = [x for x in trace.layers if shares.get(x.path, 0.0) > saturated]
    if not sick:
        return
    state = progress(trace)
    worst = max(sick, key=lambda x: shares[x.path])
    share = shares[worst.path]
    hopeful = state.fine or (state.state is State.SLOW and promising(trace))
    recovering = hopeful and _coming_back(trace, worst.path)
    harmless = recovering or (state.fine and _made_up_for(trace, sick))
    yield Hit(
        severity=Severity.NOTE if harmless else flat_severity(state),
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"{number(100 * share)} % of the outputs of {worst.path} ({worst.kind}) are "
        f"saturated; {len(sick)} of {len(shares)} bounded nonlinearities are like that.",
        layers=in_order(sick),
        evidence=(
            Evidence("share of saturated outputs", share, saturated),
            Evidence("share in the first steps", _before(trace, worst.path), None),
        ),
    )


def _made_up_for(trace: Trace, sick: list[Layer]) -> bool:
    """Does an adaptive optimizer move what is below flat hidden units at a usual pace?

    It divides by the size of the gradient, so a small one moves the weights as far as a large one.
    """
    depth = min(x.depth or 0 for x in sick)
    below = [x for x in trace.weight_layers if (x.depth or 0) >= depth]
    moves = [u for x in below if (u := typical(late(trace), x.path, update_ratio)) is not None]
    return trace.adaptive and depth > 0 and bool(moves) and min(moves) > MOVING


def flat_severity(state: Progress) -> Severity:
    """Return how grave flat units are: what follows from them is what the loss does."""
    if not state.fine:
        return Severity.ERROR
    settled = state.learned >= 0.5 or state.state is State.CONVERGED
    return Severity.NOTE if settled else Severity.WARNING


def at_wall(trace: Trace, limit: float, state: Progress) -> Hit | None:
    """A hidden bounded nonlinearity that is flat nearly everywhere stops the gradient in one place."""
    walls = [
        (slope, x)
        for x in trace.layers
        if x.depth and (typical(late(trace), x.path, lambda r: r.saturated) or 0.0) > NEARLY_ALL
        if (slope := typical(late(trace), x.path, lambda r: r.slope)) is not None and slope < limit
    ]
    if not walls:
        return None
    slope, wall = min(walls, key=lambda pair: pair[0])
    below = [x for x in trace.weight_layers if x.order < wall.order]
    return Hit(
        severity=flat_severity(state),
        confidence=Confidence.HIGH if state.stuck else Confidence.MEDIUM,
        message=f"{wall.path} ({wall.kind}) is saturated and passes {number(100 * slope)} % of the gradient "
        f"to the {len(below)} layers below it.",
        layers=in_order(below),
        evidence=(
            Evidence("rms slope of the nonlinearity", slope, limit),
            Evidence(reduction(state), state.learned, ENOUGH, "share"),
        ),
    )


def _before(trace: Trace, path: str) -> float:
    return typical(first(trace), path, lambda r: r.saturated) or 0.0


def _coming_back(trace: Trace, path: str) -> bool:
    """Do fewer and fewer outputs lie in the flat region, or has the gradient come back by a decade?"""
    readings = (step.readings.get(path) for step in trace.observed)
    shares = [r.saturated for r in readings if r is not None and r.saturated is not None]
    before, after = whole_signal(trace, first(trace)) or 0.0, whole_signal(trace) or 0.0
    return mann_kendall(shares) < FALLING or after > 10 * before > 0


@rule("GC204", "saturated-attention")
def saturated_attention(trace: Trace, *, entropy: float = 0.05) -> Iterator[Hit]:
    """Attention looks at one single position: its softmax is flat.

    Measures  the mean entropy of attention rows relative to that of uniform attention.
    Reports   a value below `entropy` late in the run; scores that begin large, where smaller ones learn faster.
    Matters   a softmax that has decided passes no gradient to queries and keys.
    Severity  error when the loss does not fall, note when it does; warning for what an experiment shows.
    Not for   attention over a single position; heads that have learned to be sharp.
    Sources   Zhai et al. 2023, arXiv:2303.06296 (attention entropy collapse).
    """
    large = speaks_against(trace, "attention-scores")
    if large is not None:
        yield hit_of(large, Severity.WARNING)
        return
    measured = [
        (x, value)
        for x in trace.layers
        if x.role is Role.ATTENTION
        and (value := typical(late(trace), x.path, lambda r: r.entropy)) is not None
    ]
    if not measured:
        raise CannotTellError("no attention weights were visible")
    sharp = [(x, value) for x, value in measured if value < entropy]
    if not sharp:
        return
    state = progress(trace)
    falling = state.state is State.SLOW and state.trend < FALLING
    layer, worst = min(sharp, key=lambda pair: pair[1])
    yield Hit(
        severity=Severity.NOTE if state.fine or falling else Severity.ERROR,
        confidence=Confidence.MEDIUM,
        message=f"Attention in {layer.path} looks at one position only (entropy {number(worst)} of "
        "uniform), so queries and keys get no gradient.",
        layers=in_order([x for x, _ in sharp]),
        evidence=(Evidence("entropy of attention relative to uniform", worst, entropy),),
    )
