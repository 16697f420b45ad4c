"""GC403 stalled-loss."""

from collections.abc import Iterator

from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)
from gradcheck_cli.rules.mismatched_loss import mismatch
from gradcheck_cli.rules.progress import FALLING, State, progress, promising


@rule("GC403", "stalled-loss")
def stalled_loss(trace: Trace, *, least_steps: int = 20, least_samples: int = 500) -> Iterator[Hit]:
    """The loss does not fall.

    Measures  the median of the last quarter of the losses against the smaller of the first loss and the
              loss of the best constant prediction, beside the noise of a single step; and the trend of
              the last two thirds (Mann-Kendall).
    Reports   no fall beyond the noise and no falling trend in at least `least_steps` steps
              and `least_samples` samples.
    Matters   whatever the gradients look like, nothing is learned.
    Severity  error; note while the learning rate is still warming up, the loss comes down again from a
              higher level (a falling trend that has not yet passed the reference), the features come apart
              or coherent gradients move the weights, so that a longer run may well learn.
    Not for   models that have converged: their loss is far below that of a constant prediction.
    Sources   Mann 1945, doi:10.2307/1907187; judged against the constant predictor as in any R^2.
    """
    state = progress(trace)
    if state.state is State.UNKNOWN or len(trace.losses) < least_steps:
        raise CannotTellError(f"fewer than {least_steps} steps")
    if len(trace.losses) * (trace.data.batch_size or least_samples) < least_samples:
        raise CannotTellError(f"fewer than {least_samples} samples")
    if state.state is not State.STALLED:
        return
    rates = [s.learning_rate for s in trace.steps if s.learning_rate is not None]
    warming = len(rates) > 1 and rates[-1] >= 2 * rates[0]
    coming_down = state.trend < FALLING
    open_end = warming or ((coming_down or promising(trace)) and mismatch(trace) is None)
    known = state.baseline is not None
    evidence = [
        Evidence("loss at the end", state.end, state.baseline if known else state.start),
        Evidence("share of the reference that is gone", state.learned, 0.03),
        Evidence("trend of the loss (z of Mann-Kendall)", state.trend, FALLING),
        Evidence("noise of a single step's loss", state.noise, None),
    ]
    than = (
        f"that of always guessing the same ({number(state.baseline or 0)})"
        if known
        else "its beginning"
    )
    yield Hit(
        severity=Severity.NOTE if open_end else Severity.ERROR,
        confidence=Confidence.HIGH
        if known and len(trace.losses) >= 2 * least_steps
        else Confidence.MEDIUM,
        message=f"After {len(trace.losses)} steps the loss is {number(state.end)}, no better than {than}.",
        evidence=tuple(evidence),
    )
