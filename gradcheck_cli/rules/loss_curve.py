"""A loss that stands still, or rises."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import median

from gradcheck_cli.features.mismatch import mismatch
from gradcheck_cli.features.profile import CONSTANT, late, typical, update_ratio, whole_signal
from gradcheck_cli.features.progress import (
    FALLING,
    PART,
    POINTING_DOWN,
    SOON,
    State,
    curve,
    mann_kendall,
    progress,
)
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


@rule("GC404", "diverging-loss")
def diverging_loss(trace: Trace) -> Iterator[Hit]:
    """The loss grows.

    Measures  the median of the last quarter of the losses against the first ones.
    Reports   a loss that has more than doubled and does not come down again.
    Matters   training leads away from a solution.
    Severity  error.
    Not for   losses that are not finite (GC501), or rise for a few steps of a warm-up and return.
    Sources   Goodfellow, Bengio & Courville 2016, Deep Learning, sec. 8.2.4.
    """
    state = progress(trace)
    if state.state is State.UNKNOWN:
        raise CannotTellError("too few steps")
    if state.state is not State.DIVERGING:
        return
    yield Hit(
        severity=Severity.ERROR,
        message=f"The loss grows from {number(state.start)} to {number(state.end)}.",
        evidence=(Evidence("loss at the end", state.end, 2 * state.start),),
    )


SURE, USUAL = (
    6.0,
    4.0,
)  # standard errors of a window, and changes between windows, that a rise exceeds
OF_MEDIAN = 1.25  # the standard error of a median, relative to that of a mean
NOTHING = 0.05  # of the reference: who gained less has nothing to lose
FIRST, THIRD = 3, 3  # losses whose median is the start; part of the run that is its end
FEWEST, BRIEF = 4, 5  # windows, and learning rates; steps of the shortest window


@rule("GC406", "risen-loss")
def risen_loss(
    trace: Trace, *, least_steps: int = 40, back: float = 0.5, all_of_it: float = 0.9
) -> Iterator[Hit]:
    """The loss ends far above its own best: what had been learned is lost again.

    Measures  medians of the loss over windows of a tenth of the run; the best of them, and both of the
              last two. What had been gained is the distance from the best to the reference (the smaller
              of the first loss and that of a constant prediction).
    Reports   a run that learns and loses it again when an experiment lets it go on; else both of the last two windows above the best by more than `back` of what had been gained, and
              by more than six standard errors of a window and four times the usual change between windows,
              in at least `least_steps` steps.
    Matters   the best weights of the run were thrown away; a rate that is too high, gradients that pile
              up and schedules that end wrong do that.
    Severity  error when more than `all_of_it` is lost and the loss does not come down again; warning
              otherwise; note while the learning rate has risen since the best window, as after a restart
              of a schedule.
    Not for   losses whose size tells nothing (policy gradients, adversarial or moving targets); a loss
              that doubles without having learned anything first (GC404).
    Sources   Mann 1945, doi:10.2307/1907187 (the trend); Loshchilov & Hutter 2017, arXiv:1608.03983
              (restarts, after which a loss rises for a while on purpose).
    """
    gone = speaks_against(trace, "lasting")
    if gone is not None:
        yield hit_of(gone, Severity.ERROR)
        return
    state = progress(trace)
    if state.state is State.UNRATED:
        raise CannotTellError(f"the size of the loss tells nothing: {state.surrogate}")
    losses, _, _ = curve(trace)
    if state.state in {State.UNKNOWN, State.BROKEN} or len(losses) < least_steps:
        raise CannotTellError(f"fewer than {least_steps} steps")
    found = _fall_and_rise(losses, state.baseline, state.noise)
    if found is None or found.lost <= back:
        return
    raised = _rate_raised(trace, found.share) if state.of != PART else False
    falling = mann_kendall(losses[-len(losses) // THIRD :]) < POINTING_DOWN
    grave = found.lost > all_of_it and not falling
    yield Hit(
        severity=Severity.NOTE if raised else Severity.ERROR if grave else Severity.WARNING,
        confidence=Confidence.MEDIUM if raised or falling else Confidence.HIGH,
        message=f"The loss had come down to {number(found.best)} and ends at {number(found.last)}: "
        f"{100 * found.lost:.0f} % of what had been gained is lost again.",
        evidence=(
            Evidence("loss at the end", found.last, found.best + back * found.gained),
            Evidence("best loss (median of a tenth of the run)", found.best, None),
            Evidence("share of what had been gained that is lost", found.lost, back),
        ),
    )


@dataclass(frozen=True, slots=True)
class Rise:
    """How far a loss came down, and where it ended."""

    best: float
    last: float
    gained: float
    share: float  # of the run that was over at the best window

    @property
    def lost(self) -> float:
        """The share of what had been gained that is lost at the end."""
        return (self.last - self.best) / self.gained


def _fall_and_rise(losses: list[float], baseline: float | None, noise: float) -> Rise | None:
    width = max(BRIEF, len(losses) // 10)
    ends = range(len(losses), width - 1, -width)
    windows = [median(losses[end - width : end]) for end in ends][::-1]
    if len(windows) < FEWEST:
        return None
    place = min(range(len(windows) - 2), key=windows.__getitem__)
    best, last = windows[place], min(windows[-2:])
    start = median(losses[:FIRST])
    reference = start if baseline is None else min(start, baseline)
    gained = reference - best
    usual = median(abs(b - a) for a, b in pairwise(windows[:-1]))
    blur = max(SURE * OF_MEDIAN * noise / sqrt(width), USUAL * usual)
    if gained <= max(NOTHING * abs(reference), blur) or last - best <= blur:
        return None
    return Rise(best, last, gained, (place + 1) / len(windows))


def _rate_raised(trace: Trace, share: float) -> bool:
    """Has the learning rate risen since the best window, and only in the last third of the run?"""
    rates = [s.learning_rate for s in trace.steps if s.learning_rate is not None]
    if len(rates) < FEWEST:
        return False
    then, last = rates[min(int(share * len(rates)), len(rates) - 1)], rates[-1]
    recent = max(rates[-len(rates) // THIRD :])
    return recent > 2 * min(then, *rates[int(share * len(rates)) - 1 :]) and last > 0
