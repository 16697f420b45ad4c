"""Does the loss fall? Against its own noise, against the best constant prediction, against zero."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import inf, isfinite, sqrt
from statistics import median

from gradcheck_cli.records.trace import Reading, Trace
from gradcheck_cli.rules.profile import first, late, typical, update_ratio

FALLING = -2.3  # z of a falling trend, one-sided at 1 %
_FEWEST = 10  # steps below which nothing is said about progress
ENOUGH = 0.12  # share of the loss above its reference that has to be gone in a run that learns


class State(StrEnum):
    """What the loss does in the observed window."""

    LEARNING = "learning"
    CONVERGED = "converged"
    SLOW = "slow"  # it falls, or has fallen, but not by much; or noise hides whether it does
    STALLED = "stalled"
    DIVERGING = "diverging"
    BROKEN = "broken"  # not a finite number
    UNKNOWN = "unknown"  # too few steps


@dataclass(frozen=True, slots=True)
class Progress:
    """The loss in a few numbers. `learned` is the share of the reference that is gone at the end."""

    state: State
    start: float = 0.0  # median of the first three steps
    end: float = 0.0  # median of the last quarter
    noise: float = 0.0  # standard deviation of a single step's loss around its trend
    baseline: float | None = None  # loss of the best constant prediction
    learned: float = 0.0
    trend: float = 0.0  # Mann-Kendall z over the last two thirds; below FALLING it falls
    expected_steps: int | None = None  # how many would do, where the run was too short

    @property
    def stuck(self) -> bool:
        """Nothing is learned."""
        return self.state in {State.STALLED, State.DIVERGING, State.BROKEN}

    @property
    def far_off(self) -> bool:
        """The loss is still many times that of a constant prediction."""
        return self.baseline is not None and self.end > 3 * self.baseline > 0

    @property
    def proven(self) -> bool:
        """It learns more than a constant, for certain: the loss of a constant prediction is known."""
        return self.fine and self.baseline is not None

    @property
    def fine(self) -> bool:
        """It learns well, or has nothing left to learn."""
        return self.state in {State.LEARNING, State.CONVERGED}


def mann_kendall(values: list[float]) -> float:
    """Return the z score of the Mann-Kendall trend test (Mann 1945): negative when values fall."""
    n = len(values)
    if n < 4:
        return 0.0
    score = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    spread = sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return (score - (score > 0) + (score < 0)) / spread


def noise_of(values: list[float]) -> float:
    """Return the standard deviation around a slow trend, from the median absolute first difference."""
    steps = [abs(b - a) for a, b in pairwise(values)]
    return 1.4826 * median(steps) / sqrt(2) if steps else 0.0


def progress(
    trace: Trace, *, little: float = 0.03, enough: float = ENOUGH, solved: float = 0.05
) -> Progress:
    """Judge the losses of `trace`.

    `little`: a smaller relative fall is none; `enough`: a larger one is learning; `solved`: below this
    share of the reference the loss counts as converged.
    """
    losses = trace.losses
    if any(not isfinite(x) for x in losses):
        return Progress(State.BROKEN)
    if len(losses) < _FEWEST:
        return Progress(State.UNKNOWN, expected_steps=50)
    n = len(losses)
    tail = max(3, n // 4)
    start, end = median(losses[:3]), median(losses[-tail:])
    late = losses[n // 3 :]
    noise, trend = noise_of(late), mann_kendall(late)
    baseline = trace.loss.baseline
    reference = start if baseline is None else min(start, baseline)
    scale = max(abs(reference), noise, 1e-300)
    learned = (reference - end) / scale
    error = 3 * 1.25 * noise / sqrt(tail)  # three standard errors of a median
    certain = reference - end > error
    blurred = error > 0.25 * scale and end - reference < error
    found = _state(
        start, end, noise, trend, learned, baseline, certain, blurred, little, enough, solved
    )
    return Progress(found, start, end, noise, baseline, learned, trend)


def promising(trace: Trace, *, recovery: float = 3.0, coherence: float = 0.3) -> bool:
    """Does a loss that stands still look as if it will fall? Nothing can be said for sure then.

    Either features part: the share of outputs that depends on the sample grows `recovery` times; or
    weights move at a usual pace along gradients that agree from batch to batch (a median cosine above
    `coherence`), which pure noise does not.
    """
    if mann_kendall(trace.losses[len(trace.losses) // 3 :]) > -FALLING:
        return False
    layers = trace.weight_layers
    grown = [
        after / before
        for x in layers
        if (before := typical(first(trace), x.path, _spread))
        and (after := typical(late(trace), x.path, _spread)) is not None
    ]
    if grown and median(grown) > recovery:
        return True
    moves = [u for x in layers if (u := typical(late(trace), x.path, update_ratio)) is not None]
    cosines = [
        c for x in layers if (c := typical(late(trace), x.path, lambda r: r.agreement)) is not None
    ]
    if not moves or not cosines:
        return False
    return median(moves) > 1e-3 and median(cosines) > coherence


def _spread(reading: Reading) -> float | None:
    return reading.spread


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
    unclear = learned >= enough or (learned >= little and (certain or trend < -1.0))
    if unclear or blurred or (falling and fell):
        return State.SLOW
    return State.STALLED
