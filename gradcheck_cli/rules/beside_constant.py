"""A loss that is worse than that of a constant answer."""

from collections.abc import Iterator
from math import inf, isfinite

from gradcheck_cli.features.progress import SOON, State, progress
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import speaks_against
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    number,
    rule,
)


@rule("GC302", "large-first-loss")
def large_first_loss(trace: Trace, *, times: float = 4.0) -> Iterator[Hit]:
    """A classifier begins with a loss many times that of guessing among all classes.

    Measures  the loss of the first batch before any update, against what the same loss is for equal
              chances of all classes (ln of their number).
    Reports   more than `times` it: scores of standard deviation s cost about ln(classes) + s^2 / 2, so
              that of ten classes they differ by about 4.
    Matters   before it has seen anything the network is sure, and wrong: the first steps only undo its
              initial weights, and its nonlinearities and softmax may be saturated by then.
    Severity  warning where an experiment shows what it costs: with scores of a usual size at the start, the same
              few steps learn clearly more. Note otherwise: many networks recover from it at once.
    Not for   losses of other kinds; rare classes, for which equal chances are no good guess: they are
              held against equal chances, not against their frequency.
    Sources   Karpathy 2019, A Recipe for Training Neural Networks (verify the loss at initialization);
              Glorot & Bengio 2010.
    """
    ratio = trace.loss.first_over_guess
    if ratio is None:
        raise CannotTellError("the first loss of a classifier was not seen")
    if ratio <= times:
        return
    costly = speaks_against(trace, "smaller-scores")
    yield Hit(
        severity=Severity.NOTE if costly is None else Severity.WARNING,
        confidence=Confidence.HIGH if ratio > 2 * times else Confidence.MEDIUM,
        message=f"The first loss is {number(ratio)} times that of guessing among all classes: the untrained "
        "network is sure of wrong answers." + (f" {costly.said.capitalize()}." if costly else ""),
        evidence=(Evidence("first loss, relative to equal chances", ratio, times),),
    )


def _left(trace: Trace) -> float:
    """Return how many more steps an extended run would take, at its pace; in multiples as of the observed ones."""
    now, later, taken = (trace.answer(x) for x in ("against-constant", "longer", "plateau"))
    if now is None or later is None or taken is None or later.outcome is Outcome.WRONG:
        return inf
    level, steps = later.measured or 0.0, taken.measured or 0.0
    gained = level - (now.measured or 0.0)
    if gained <= 0 or not steps:
        return inf
    return -level / gained * steps * trace.taken / (trace.taken + steps)


FAR = 1.5  # times the loss of a constant: no matter of doubt


@rule("GC407", "worse-than-constant")
def worse_than_constant(
    trace: Trace, *, least_steps: int = 20, least_samples: int = 500
) -> Iterator[Hit]:
    """The loss falls, and ends above that of the best constant prediction all the same.

    Measures  the median of the last quarter of the losses against the loss of the best constant prediction
              for the targets seen, and the pace of the last half of the run, or of its extension.
    Reports   an end above it, beyond the noise and 3 %, that four times the steps would not mend at this
              pace, in at least `least_steps` steps and `least_samples` samples.
    Matters   the network knows less of the targets than their average: what it computes from its inputs
              hurts. A falling loss hides that.
    Severity  warning.
    Not for   losses that do not fall at all (GC403) or grow (GC404); those whose size tells nothing.
    Sources   the constant predictor as in any R^2; Karpathy 2019, A Recipe for Training Neural Networks
              (verify the loss at the start, beat a dumb baseline).
    """
    state = progress(trace)
    if state.state is State.UNRATED:
        raise CannotTellError(f"the size of the loss tells nothing: {state.surrogate}")
    if state.baseline is None:
        raise CannotTellError("the loss of a constant prediction is not known")
    if state.state in {State.UNKNOWN, State.BROKEN} or trace.taken < least_steps:
        raise CannotTellError(f"fewer than {least_steps} steps")
    if trace.taken * (trace.data.batch_size or least_samples) < least_samples:
        raise CannotTellError(f"fewer than {least_samples} samples")
    left = state.steps_to()
    if state.stuck or not state.above or min(left, _left(trace)) <= (SOON - 1) * state.steps:
        return
    pace = (
        f"at the pace of the last steps it would take {left / state.steps:.0f} times as many more to reach it"
        if isfinite(left)
        else "it does not come down any more"
    )
    yield Hit(
        severity=Severity.WARNING,
        confidence=Confidence.HIGH if state.end > FAR * state.baseline else Confidence.MEDIUM,
        message=f"After {trace.taken} steps {state.of} is {number(state.end)}, where a constant prediction "
        f"costs {number(state.baseline)}; {pace}.",
        evidence=(
            Evidence("loss at the end", state.end, state.baseline),
            Evidence("change of the loss per step in the last half", state.slope, None),
        ),
    )
