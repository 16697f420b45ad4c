"""GC403 stalled-loss."""

from collections.abc import Iterator
from statistics import median

from gradcheck_cli.features.mismatch import mismatch
from gradcheck_cli.features.profile import CONSTANT, late, typical, update_ratio, whole_signal
from gradcheck_cli.features.progress import FALLING, POINTING_DOWN, SOON, State, progress
from gradcheck_cli.features.promising import promising
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hit_of, speaks_against, warming_up
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)
from gradcheck_cli.rules.telling import reduction, versus


@rule("GC403", "stalled-loss")
def stalled_loss(
    trace: Trace,
    *,
    least_steps: int = 20,
    least_samples: int = 500,
    little: float = 0.03,
    moving: float = 1e-4,
    acting: float = 1e-2,
) -> Iterator[Hit]:
    """The loss does not fall.

    Measures  the median of the last quarter of the losses against the smaller of the first loss and the
              loss of the best constant prediction, beside the noise of a single step; and the trend of
              the last two thirds (Mann-Kendall).
    Reports   where the run was extended by experiment, batches that still cost as much as a constant
              prediction, and stand still; else no fall beyond the noise and no falling trend in at least `least_steps` steps
              and `least_samples` samples; where output and target are stretched over each other, so that
              a constant is the best there is, also a fall that only noise leaves possible.
    Matters   whatever the gradients look like, nothing is learned.
    Severity  error; warning where the extended run stands still by more than `little` below a constant: noise in
              the targets may leave no more to gain; and while weights move by more than `moving` of their size per step, the
              network's effect on its loss is above `acting` and nothing is known to be wrong: labels without a signal look like that, and so does a plateau that
              ends later. Note where the time ended the extension, the network is as sound as that and no other
              experiment speaks against the run; while the learning rate is still warming up, the loss comes down again from
              a higher level (a falling trend that has not yet passed the reference), the features come
              apart, coherent gradients move the weights, or the loss points down and its noise leaves room
              for a fall by more than `little`, so that a longer run may well learn.
    Not for   models that have converged: their loss is far below that of a constant prediction.
    Sources   Mann 1945, doi:10.2307/1907187; judged against the constant predictor as in any R^2.
    """
    state, wrong = progress(trace), mismatch(trace) is not None
    constant = (trace.data.constant_features or 0.0) > CONSTANT
    sure = wrong or constant or not _sound(trace, moving, acting)
    open_end = not sure and _cut(trace)
    later = speaks_against(trace, "longer")
    if later is not None and state.state is State.STALLED:
        some = later.measured is not None and later.measured > 100 * little
        grave = Severity.WARNING if some else Severity.ERROR
        yield hit_of(later, Severity.NOTE if open_end else grave)
        return
    if state.state is State.UNKNOWN or len(trace.losses) < least_steps:
        raise CannotTellError(f"fewer than {least_steps} steps")
    if len(trace.losses) * (trace.data.batch_size or least_samples) < least_samples:
        raise CannotTellError(f"fewer than {least_samples} samples")
    hopeless = trace.loss.broadcast and state.state is State.SLOW and state.trend > FALLING
    if state.state is not State.STALLED and not hopeless:
        return
    coming_down = state.trend < FALLING and state.steps_to(1 - little) <= (SOON - 1) * state.steps
    unclear = state.learned + state.error > little and state.trend < POINTING_DOWN
    open_end |= warming_up(trace) or (not wrong and (coming_down or unclear or promising(trace)))
    known = state.baseline is not None
    reference = state.start if state.baseline is None else state.baseline
    evidence = [
        Evidence("loss at the end", state.end, min(reference, state.start)),
        Evidence(reduction(state), state.learned, little, "share"),
        Evidence("trend of the loss (z of Mann-Kendall)", state.trend, FALLING),
        Evidence("noise of a single step's loss", state.noise, None),
    ]
    yield Hit(
        severity=Severity.NOTE if open_end else Severity.ERROR if sure else Severity.WARNING,
        confidence=Confidence.HIGH
        if known and state.steps >= 2 * least_steps
        else Confidence.MEDIUM,
        message=f"After {trace.taken} steps {state.of} is {number(state.end)}, {versus(state)}.",
        evidence=tuple(evidence),
    )


def _cut(trace: Trace) -> bool:
    """Was there no time to see whether the plateau ends, and does no experiment say what keeps the run there?"""
    against = (a.name for a in trace.examination if a.outcome is Outcome.WRONG)
    cut = any(a.name == "longer" and a.unfinished for a in trace.examination)
    return cut and not set(against) - {"against-constant", "longer"}


def _sound(trace: Trace, moving: float, acting: float) -> bool:
    """Do weights move at a usual pace, in a network that acts on its loss?"""
    moves = [
        u
        for x in trace.weight_layers
        if (u := typical(late(trace), x.path, update_ratio)) is not None
    ]
    signal = whole_signal(trace)
    return bool(moves) and median(moves) > moving and signal is not None and signal > acting
