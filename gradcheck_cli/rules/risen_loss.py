"""GC406 risen-loss."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import median

from gradcheck_cli.features.progress import PART, POINTING_DOWN, State, curve, progress
from gradcheck_cli.features.trend import mann_kendall
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hit_of, speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
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
