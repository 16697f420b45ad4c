"""GC815 accumulation-not-divided."""

from collections.abc import Iterator

from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.loop import Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, number, rule


@rule("GC815", "accumulation-not-divided")
def accumulation_not_divided(trace: Trace, *, least: int = 2, share: float = 0.5) -> Iterator[Hit]:
    """Gradients of several batches are added up, and their mean losses are not divided by the number.

    Measures  in inspected steps with several backward passes from one line, the gradient that arrives at each
              mean loss (1 where it is not divided), and the norm of the gradients after the last pass beside
              that of those that the optimizer used.
    Reports   losses and gradients that nothing divides, in at least `least` inspected steps and more than
              `share` of them.
    Matters   k batches make a gradient that is k times as large as that of one large batch, as a learning
              rate k times as large would.
    Severity  warning where the loss was not learned; note where it was, and with optimizers that divide by
              the size of the gradient (Adam): there only clipping, eps and L2 decay feel it.
    Not for   several losses with a line each; losses that are summed on purpose (`reduction="sum"`);
              gradients that are divided or clipped after the last pass.
    Sources   Goyal et al. 2017, arXiv:1706.02677 (linear scaling of rate and batch size).
    """
    habit = loop_of(trace).habit(Kind.SUMMED)
    if habit.times < least or habit.times <= share * habit.of:
        return
    state = progress(trace)
    learned = state.better or state.state in {State.KEPT, State.UNRATED}
    passes = habit.numbers["passes"]
    yield Hit(
        severity=Severity.NOTE if trace.adaptive or learned else Severity.WARNING,
        message=f"Each update adds up the gradients of {number(passes)} backward passes{habit.where}, and the mean loss of each is "
        f"not divided by {number(passes)}: the gradient is about {number(passes)} times that of the mean, as with a "
        f"learning rate {number(passes)} times as large. Divide the loss before `backward()`.",
        evidence=(
            Evidence("weight of each batch in the gradient", 1.0, 1 / passes),
            Evidence("share of inspected steps", habit.share, share),
        ),
        at=habit.at,
    )
