"""A loss that is made larger, or whose gradient leads the wrong way."""

from collections.abc import Iterator

from gradcheck_cli.features.mismatch import AGAINST, REDRAWN, turned
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.answers import hit_of, hits, speaks_against
from gradcheck_cli.rules.base import Confidence, Evidence, Hit, Severity, loop_of, number, rule


@rule("GC816", "ascending-updates")
def ascending_updates(trace: Trace) -> Iterator[Hit]:
    """The optimizer goes up: a negative learning rate, or maximizing a loss that is to fall.

    Measures  the sign of the learning rate, whether the optimizer maximizes, and which loss it is given.
    Reports   a negative rate; maximizing a loss that is never negative and that measures an error.
    Matters   each step makes the loss larger.
    Severity  error.
    Not for   returns, likelihoods and other scores that are to grow; inputs that are made worse on purpose.
    Sources   PyTorch documentation, torch.optim.SGD (maximize).
    """
    habit = loop_of(trace).habit(Kind.ASCENDS)
    rate = habit.numbers.get("rate", 0.0)
    if not habit.times or (rate >= 0 and trace.loss.kind not in ERRORS):
        return
    if rate >= 0 and not any(x.parameters and x.kind != "parameter" for x in trace.layers):
        return  # an input, made worse
    made = f" (made at {habit.at})" if habit.at else ""
    what = (
        f"The learning rate is negative ({number(rate)}){made}"
        if rate < 0
        else f"{trace.optimizer or 'The optimizer'}{made} maximizes {trace.loss.kind}"
    )
    yield Hit(
        severity=Severity.ERROR,
        message=f"{what}, so each update makes the loss larger: use a positive rate and maximize=False.",
        evidence=(Evidence("learning rate", rate, 0.0),),
        at=habit.at,
    )


# Losses that measure an error: to make them larger is no way to learn.
ERRORS = frozenset(
    {
        "cross_entropy",
        "nll_loss",
        "mse_loss",
        "l1_loss",
        "smooth_l1_loss",
        "huber_loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "ctc_loss",
    }
)


@rule("GC408", "wrong-direction")
def wrong_direction(trace: Trace) -> Iterator[Hit]:
    """The training goes up: the loss rewards mistakes, or the optimizer climbs it.

    Measures  what outputs made from the targets cost (right against wrong), and the cosine between the first
              step and the gradient. Of a policy, the cosine between how hard choices are made more likely
              and what they brought beyond the estimated value, or the numbers they are weighed by; and whether a
              choice is read by anything else than its log-probability.
    Reports   a loss that is smaller for wrong outputs than for right ones, or a part of it that falls without end; a step along the gradient. Both
              together cancel out. A policy's cosine below -0.3, or choices that were drawn for the loss alone.
    Matters   the better the training works, the worse the model gets.
    Severity  error; warning for a policy beside an estimate of values or with other choices, else note: where the
              numbers are costs, their sign is right.
    Not for   rewards that are maximized: a loss that is larger for right outputs, with maximize=True; a note where
              nobody knows which outputs are right.
    Sources   Gneiting & Raftery 2007, sec. 2 (proper scores); Nocedal & Wright 2006, sec. 3.1.
    """
    if trace.loss.redrawn and trace.loss.surrogate:
        yield Hit(
            severity=Severity.WARNING,
            message=f"{REDRAWN[0].upper()}{REDRAWN[1:]}.",
        )
        return
    if (policy := turned(trace)) is not None:
        cosine, said, valued = policy
        yield Hit(
            severity=Severity.WARNING if valued else Severity.NOTE,
            confidence=Confidence.MEDIUM,
            message=f"{said[0].upper()}{said[1:]}: right for costs; of rewards it turns the sign round.",
            evidence=(Evidence("cosine of pushes and rewards", cosine, AGAINST),),
        )
        return
    if (endless := speaks_against(trace, "has-end")) is not None:
        yield hit_of(endless, Severity.ERROR)
        return
    found = list(hits(trace, "loss-prefers-right", "step-descends"))
    if len(found) != 1:
        return
    if speaks_against(trace, "step-descends") is not None and _may_be_a_score(trace):
        said = "The optimizer maximizes: right for a score that is to grow, as a likelihood; a loss is made larger."
        yield Hit(severity=Severity.NOTE, confidence=Confidence.MEDIUM, message=said)
        return
    yield from found


def _may_be_a_score(trace: Trace) -> bool:
    """Is the optimizer told to maximize, and nothing known of what it is given?"""
    habit, asked = loop_of(trace).habit(Kind.ASCENDS), trace.answer("loss-prefers-right")
    told = bool(habit.times) and habit.numbers.get("rate", 0.0) >= 0
    ordered = asked is not None and asked.outcome is not Outcome.SKIPPED
    return told and not ordered and trace.loss.kind not in ERRORS
