"""GC816 ascending-updates."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


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
