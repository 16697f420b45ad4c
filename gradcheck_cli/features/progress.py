"""What does the loss do? Against its reference, against its own best, and against its own noise.

The reference is the loss of the best constant prediction where it is known; else the loss in the
beginning. Where the loss has other terms, such as penalties, the part that compares outputs with
targets is judged, and not their sum.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import inf, isfinite, isnan, sqrt
from statistics import median

from gradcheck_cli.features.once import once_per_trace
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace


def mann_kendall(values: Sequence[float]) -> float:
    """Return the z score of the Mann-Kendall trend test (Mann 1945): negative when values fall.

    Ties count as neither. What is no number is left out.
    """
    known = [x for x in values if not isnan(x)]
    n = len(known)
    if n < 4:
        return 0.0
    ties = sum(k * (k - 1) // 2 for k in Counter(known).values())
    score = n * (n - 1) // 2 - ties - 2 * _falls(known)[1]
    spread = sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return (score - (score > 0) + (score < 0)) / spread


def _falls(values: list[float]) -> tuple[list[float], int]:
    """Return the values sorted, and how many pairs of them fall, by merge sort (Knight 1966)."""
    n = len(values)
    if n < 2:
        return values, 0
    left, in_left = _falls(values[: n // 2])
    right, in_right = _falls(values[n // 2 :])
    across, i = 0, 0
    for x in right:
        while i < len(left) and left[i] <= x:
            i += 1
        across += len(left) - i
    return sorted(left + right), in_left + in_right + across


def noise_of(values: list[float]) -> float:
    """Return the standard deviation around a slow trend, from the median absolute first difference."""
    steps = [abs(b - a) for a, b in pairwise(values)]
    return 1.4826 * median(steps) / sqrt(2) if steps else 0.0


FALLING = -2.3  # z of a falling trend, one-sided at 1 %
POINTING_DOWN = -1.0  # z of a trend that may be falling, one-sided at 16 %
LITTLE = 0.03  # share of the reference: a smaller fall is none
FEWEST = 10  # steps below which nothing is said about progress
ENOUGH = 0.12  # share of the loss above its reference that has to be gone in a run that learns
SIGN_CHANGES = 0.1  # per step; one that falls through zero crosses it only as long as noise lasts
SOON = 4.0  # times the steps taken so far: what is reached by then is worth waiting for
# Times the observed steps, or the first few of them: plateaus of small networks end by then.
PATIENCE, FEW = 16, 50
WHOLE = "the loss"
PART = "the part of the loss that compares outputs with targets"
_LATER = {Outcome.FINE: "learning", Outcome.WRONG: "stalled", Outcome.NOTED: "slow"}


class State(StrEnum):
    """What the loss does in the observed window."""

    LEARNING = "learning"
    CONVERGED = "converged"
    SLOW = "slow"  # it falls, or has fallen, but not by much; or noise hides whether it does
    KEPT = "kept"  # from the first step on below its reference, and not lower since
    STALLED = "stalled"
    DIVERGING = "diverging"
    BROKEN = "broken"  # not a finite number
    UNKNOWN = "unknown"  # too few steps
    UNRATED = "unrated"  # its size does not tell whether anything is learned


@dataclass(frozen=True, slots=True)
class Progress:
    """The loss in a few numbers; all that is said of it is said from this record."""

    state: State
    steps: int = 0  # whose loss was judged
    start: float = 0.0  # median of the first three steps
    end: float = 0.0  # median of the last quarter
    noise: float = 0.0  # standard deviation of a single step's loss around its trend
    baseline: float | None = None  # loss of the best constant prediction
    learned: float = 0.0  # share of the reference that is gone at the end
    trend: float = 0.0  # Mann-Kendall z over the last two thirds; below FALLING it falls
    error: float = 0.0  # three standard errors of `learned`
    slope: float = (
        0.0  # per step, in the last half of the run: median of slopes between its quarters
    )
    of: str = WHOLE  # what is judged
    surrogate: str = ""  # why its size tells nothing
    observed: State = State.UNKNOWN  # of the observed steps alone, whatever came after them

    @property
    def stuck(self) -> bool:
        """Nothing is learned."""
        return self.state in {State.STALLED, State.DIVERGING, State.BROKEN}

    @property
    def far_off(self) -> bool:
        """The loss is still many times that of a constant prediction."""
        return self.baseline is not None and self.end > 3 * self.baseline > 0

    @property
    def above(self) -> bool:
        """The loss ends above that of a constant prediction, for certain."""
        if self.baseline is None or self.state in {State.BROKEN, State.UNKNOWN, State.UNRATED}:
            return False
        return self.end - self.baseline > max(
            self.error * self._scale, LITTLE * abs(self.baseline), self.noise / 2
        )

    @property
    def _scale(self) -> float:
        reference = self.start if self.baseline is None else min(self.start, self.baseline)
        return max(abs(reference), self.noise, 1e-300)

    def steps_to(self, share: float = 1.0) -> float:
        """Return how many more steps until it is `share` of its reference, at the pace of the last half."""
        reference = self.start if self.baseline is None else min(self.start, self.baseline)
        goal = reference - (1 - share) * abs(reference)
        if self.end <= goal:
            return 0.0
        return (self.end - goal) / -self.slope if self.slope < 0 else inf

    @property
    def better(self) -> bool:
        """It is better than its reference, or falls towards it, beyond the noise."""
        if self.fine:
            return True
        beyond = max(self.error, LITTLE)
        if self.learned > beyond:
            return self.state is State.SLOW
        falling = self.state is State.SLOW and self.trend < FALLING
        return falling and self.steps_to(1 - beyond) <= self.steps

    @property
    def proven(self) -> bool:
        """It learns more than a constant, for certain: the loss of a constant prediction is known."""
        return self.fine and self.baseline is not None

    @property
    def fine(self) -> bool:
        """It learns well, or has nothing left to learn."""
        return self.state in {State.LEARNING, State.CONVERGED}


@once_per_trace
def curve(trace: Trace) -> tuple[list[float], float | None, str]:
    """Return the losses that are judged, what a constant prediction loses there, and what they are."""
    if not trace.loss.apart:
        return trace.losses, trace.loss.baseline, WHOLE
    part = [s.data_loss for s in trace.steps if s.data_loss is not None]
    if len(part) < FEWEST or trace.loss.data_baseline is None:
        return trace.losses, None, WHOLE
    return part, trace.loss.data_baseline, PART


@once_per_trace
def progress(
    trace: Trace, *, little: float = LITTLE, enough: float = ENOUGH, solved: float = 0.05
) -> Progress:
    """Judge the losses of `trace`.

    `little`: a smaller relative fall is none; `enough`: a larger one is learning; `solved`: below this
    share of the reference the loss counts as converged.
    """
    if trace.broken_at is not None or any(not isfinite(x) for x in trace.losses):
        return Progress(State.BROKEN)
    losses, baseline, of = curve(trace)
    n = len(losses)
    if n < FEWEST:
        return Progress(State.UNKNOWN, steps=n, of=of)
    tail = max(3, n // 4)
    start, end = median(losses[:3]), median(losses[-tail:])
    late = losses[n // 3 :]
    noise, trend = noise_of(late), mann_kendall(late)
    reference = start if baseline is None else min(start, baseline)
    scale = max(abs(reference), noise, 1e-300)
    learned = (reference - end) / scale
    error = 3 * 1.25 * noise / sqrt(tail)  # three standard errors of a median
    certain = reference - end > error
    blurred = error > 0.25 * scale and end - reference < error
    found = _state(
        start, end, noise, trend, learned, baseline, certain, blurred, little, enough, solved
    )
    surrogate = trace.loss.surrogate or _restless(losses, trace.loss.bounded)
    judged = Progress(
        State.UNRATED if surrogate else found,
        steps=n,
        start=start,
        end=end,
        noise=noise,
        baseline=None if surrogate else baseline,
        learned=learned,
        trend=trend,
        error=error / scale,
        slope=_slope(losses),
        of=of,
        surrogate=surrogate,
    )
    state = _beside_a_constant(judged, error, blurred, little, enough)
    return replace(judged, state=State(_settled(trace, state)), observed=state)


def _beside_a_constant(
    judged: Progress, error: float, blurred: bool, little: float, enough: float
) -> State:
    """Return the state of a loss that is known to begin below a constant prediction, or to end at one."""
    found, baseline, start, end = judged.state, judged.baseline, judged.start, judged.end
    if baseline is None or found not in {State.STALLED, State.SLOW}:
        return found
    if start < (1 - enough) * baseline and end < baseline - error:
        tail = max(3, judged.steps // 4)
        first_error = error * sqrt(1 + tail / 3)  # the first three steps are noisy too
        fell = start - end > max(first_error, little * abs(start))
        if fell and judged.learned >= enough:
            return State.LEARNING
        return State.SLOW if fell and judged.trend < POINTING_DOWN else State.KEPT
    near = abs(end - baseline) <= little * abs(baseline)
    if found is State.SLOW and near and not blurred:
        ahead = end + (SOON - 1) * judged.steps * min(judged.slope, 0.0)
        if ahead > (1 - little) * baseline and start > (1 + little) * baseline:
            return State.STALLED  # it came down to the constant prediction and ends there
    return found


def _slope(losses: list[float]) -> float:
    """Return the change per step in the last half: between the medians of its two halves."""
    half = losses[len(losses) // 2 :]
    middle = len(half) // 2
    return (median(half[middle:]) - median(half[:middle])) / max(middle, 1)


def _restless(losses: list[float], bounded: bool | None) -> str:
    """Say so where the sign of the loss changes again and again, as that of a policy gradient does."""
    if bounded:
        return ""
    signs = [x > 0 for x in losses if x]
    changes = sum(a != b for a, b in pairwise(signs))
    if changes < max(4, SIGN_CHANGES * len(signs)):
        return ""
    return f"its sign changed {changes} times in {len(signs)} steps, as it does around no level"


def _state(
    start: float,
    end: float,
    noise: float,
    trend: float,
    learned: float,
    baseline: float | None,
    certain: bool,
    blurred: bool,
    little: float,
    enough: float,
    solved: float,
) -> State:
    reference = abs(baseline) if baseline is not None else abs(start)
    if 0 <= end < solved * (reference or inf):
        return State.CONVERGED
    if end - start > max(abs(start), 6 * noise) and trend > FALLING:
        return State.DIVERGING
    falling = trend < FALLING
    if certain and (learned >= 0.5 or (learned >= enough and falling)):
        return State.LEARNING
    fell = start - end > 3 * noise and start - end > little * abs(start)
    unclear = learned >= enough or (learned >= little and (certain or trend < POINTING_DOWN))
    if unclear or blurred or (falling and fell):
        return State.SLOW
    return State.STALLED


def _settled(trace: Trace, found: str) -> str:
    """Return the state of the loss, `found` where no experiment says more.

    A run that leaves its plateau when it goes on is not stalled; one that stays at the level of a constant
    prediction is, whatever its noisy loss did before.
    """
    later, now = trace.answer("longer"), trace.answer("against-constant")
    if found in {"diverging", "unrated"}:
        return found
    if later is not None and (later.outcome is Outcome.WRONG or not later.unfinished):
        return _LATER[later.outcome]
    learned = now is not None and now.outcome is Outcome.FINE
    return "learning" if learned and found in {"slow", "stalled"} else found
