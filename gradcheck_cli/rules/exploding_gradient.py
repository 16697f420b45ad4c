"""GC102 exploding-gradient."""

from collections.abc import Iterator, Sequence
from math import isfinite
from statistics import median

from gradcheck_cli.features.profile import (
    Depth,
    begun,
    depths,
    elasticity,
    first,
    gradient_rms,
    late,
    typical,
    update_ratio,
)
from gradcheck_cli.features.progress import Progress, State, progress
from gradcheck_cli.records.trace import Step, Trace
from gradcheck_cli.rules.answers import late_end, softened
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

LEAST_DEPTH = 3  # weight layers in a row, of which a growth along the depth is more than chance
QUARTER = 0.25  # of the depth: its lowest layers are set against its uppermost
TWO_ENDS = 6  # observed steps: of fewer, the first ones are the late ones, too


@rule("GC102", "exploding-gradient")
def exploding_gradient(
    trace: Trace,
    *,
    growth: float = 1e3,
    growth_in_time: float = 1e3,
    excess: float = 100.0,
    sensitivity: float = 30.0,
    harmless: float = 3.0,
    thrown: float = 0.1,
) -> Iterator[Hit]:
    """Gradients grow on their way down, or from step to step, and training suffers.

    Measures  rms of the gradient at layer outputs, lowest quarter of the depth over uppermost quarter;
              at the first time steps over the last; late in the run over its beginning; the first
              loss against the loss of the best constant prediction; and norm(w) * norm(dL/dw) / |loss| of
              the strongest layer, the relative change of the loss per relative change of its weights.
    Reports   a growth above `growth` (depth or time steps) or `growth_in_time` (training), or outputs
              that grow as much and a first loss `excess` times above the constant prediction, or a relative
              change above `sensitivity`, while the loss diverges, is not finite or does not fall.
    Matters   one step along such a gradient throws the weights out of the region where it was valid.
    Severity  error; warning where the size of the loss tells nothing, so that only the growth along the
              depth or the time steps counts, and where the loss, far above that of a constant prediction, comes
              below it later than after as many steps more; nothing is reported while the network learns, also where
              it begins no farther off than the targets lie from zero.
    Not for   gradients that grow from nearly nothing: below a relative change of `harmless`; normalized
              networks, whose gradients may grow at the beginning and train; what grew after a first step that
              changed layers by more than `thrown` of their size, which is the work of that step.
    Sources   Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063; He et al. 2015, arXiv:1502.01852, eq. 14.
    """
    state = progress(trace)
    rows = depths(trace, first(trace))
    if not rows:
        raise CannotTellError("no weight layer received a gradient")
    if state.state is State.UNKNOWN:
        raise CannotTellError("too few steps to say what large gradients do to the loss")
    wild = state.far_off and not _of_an_offset(trace)
    late_start = late_end(trace) if wild and state.fine else None
    sound = state.fine or (state.state in {State.SLOW, State.KEPT} and not state.far_off)
    if sound and late_start is None:
        return
    rated = state.state is not State.UNRATED
    far = [typical(begun(trace), x.path, update_ratio) or 0.0 for x in trace.weight_layers]
    steps = begun(trace) if median(far) > thrown else late(trace)
    strongest = _strongest(steps) if rated and not _lost_below(trace) else None
    grown = _over_training(trace, steps) if rated else None
    if strongest is not None and strongest < harmless and not state.far_off:
        return
    reasons = [
        Evidence(what, value, limit)
        for what, value, limit in (
            ("gradient at the lowest layers over the uppermost", _over_depth(rows), growth),
            ("gradient at the first time steps over the last", _over_time(trace), growth),
            ("gradient late in the run over its beginning", grown, growth_in_time),
            ("relative change of the loss per relative change of a layer", strongest, sensitivity),
            ("first loss over that of the best constant prediction", _excess(trace), excess),
        )
        if value is not None and value > limit
    ]
    if not reasons:
        return
    worst = max(reasons, key=lambda e: e.measured / (e.limit or 1))
    hit = Hit(
        severity=Severity.ERROR if rated else Severity.WARNING,
        confidence=Confidence.HIGH if isfinite(worst.measured) else Confidence.MEDIUM,
        message=f"Gradients explode: {worst.what} is {number(worst.measured)}, and {_suffers(state)}.",
        layers=in_order([row.layer for row in rows]),
        evidence=tuple(reasons),
    )
    yield softened(hit, late_start) if late_start else hit


def _suffers(state: Progress) -> str:
    if state.far_off:
        return "the loss is far above that of a constant prediction"
    if state.state is State.UNRATED:
        return "the size of the loss does not tell whether it learns all the same"
    return f"the loss is {state.state.value}"


def _lost_below(trace: Trace) -> bool:
    """Do some layers get no gradient at all? What is strong above them does not grow on its way down."""
    return any(row.strength == 0 for row in depths(trace, late(trace)))


def _over_depth(rows: list[Depth]) -> float | None:
    measured = [row for row in rows if row.arriving]
    deepest = max((row.layer.depth or 0 for row in measured), default=0)
    if deepest < LEAST_DEPTH:
        return None
    lower = [
        r.arriving
        for r in measured
        if (r.layer.depth or 0) >= (1 - QUARTER) * deepest and r.arriving
    ]
    upper = [
        r.arriving for r in measured if (r.layer.depth or 0) <= QUARTER * deepest and r.arriving
    ]
    return median(lower) / median(upper) if lower and upper else None


def _over_time(trace: Trace) -> float | None:
    ratios = [
        value
        for layer in trace.weight_layers
        if (value := typical(first(trace), layer.path, lambda r: r.early_over_late)) is not None
    ]
    return max(ratios, default=None)


def _over_training(trace: Trace, steps: Sequence[Step]) -> float | None:
    ends = first(trace), steps
    pairs = ([typical(s, x.path, gradient_rms) for s in ends] for x in trace.weight_layers)
    ratios = [after / before for before, after in pairs if before and after]
    return median(ratios) if ratios and len(trace.observed) >= TWO_ENDS else None


def _strongest(steps: Sequence[Step]) -> float | None:
    """Return the median over these steps of the largest elasticity / |loss|."""
    values = [
        max(found) / abs(step.loss)
        for step in steps
        if isfinite(step.loss) and step.loss
        if (found := [e for r in step.readings.values() if (e := elasticity(r)) is not None])
    ]
    return median(values) if values else None


def _of_an_offset(trace: Trace) -> bool:
    """Is the first squared error no larger than that of outputs of the targets' size, which hardly vary themselves?"""
    low, high = trace.data.target_low, trace.data.target_high
    begun = next((s.data_loss for s in trace.steps if s.data_loss is not None), None)
    if trace.loss.kind != "mse_loss" or low is None or high is None or begun is None:
        return False
    return begun <= (2 * max(abs(low), abs(high))) ** 2


def _excess(trace: Trace) -> float | None:
    baseline = trace.loss.baseline
    if not baseline or not trace.losses or not isfinite(trace.losses[0]):
        return None
    return trace.losses[0] / baseline if baseline > 0 else None
