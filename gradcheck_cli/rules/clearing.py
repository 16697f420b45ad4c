"""What gradients of several calls are added up, or wiped away, between two steps of the optimizer."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import gradient_rms, late, typical
from gradcheck_cli.features.progress import State, progress
from gradcheck_cli.records.loop import BY_HAND, Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import A_FEW, Evidence, Hit, Severity, in_order, loop_of, number, rule


@rule("GC801", "gradients-not-cleared")
def gradients_not_cleared(trace: Trace, *, least: int = 3, share: float = 0.2) -> Iterator[Hit]:
    """The optimizer steps with gradients that earlier steps had already used.

    Measures  at sampled updates, the first ones among them, whether the gradients were cleared at any time since the update before
              and before the backward passes that they come from.
    Reports   at least `least` updates, and more than `share` of all, by gradients that were not.
    Matters   each update repeats all those before it: the steps grow, and the loss rises or jumps.
    Severity  error.
    Not for   accumulation, which clears after each update; several losses or backward passes per
              update; gradients that another optimizer's loss left behind and that are cleared in time.
    Sources   PyTorch documentation, torch.optim.Optimizer.zero_grad.
    """
    habit = loop_of(trace).habit(Kind.UNCLEARED)
    if habit.times < least or habit.times <= share * habit.of:
        return
    clear = "call `optimizer.zero_grad()`"
    if trace.optimizer == BY_HAND:
        clear = "set each to None (`p.grad = None`)"
    yield Hit(
        severity=Severity.ERROR,
        message=f"In {habit.times} of {habit.of} inspected updates{habit.where} the gradients still held those of earlier "
        f"updates: {clear} once per update, before its first `backward()`.",
        evidence=(
            Evidence(
                "share of inspected updates with gradients of earlier ones", habit.share, share
            ),
        ),
        at=habit.at,
    )


@rule("GC817", "gradients-cleared-too-early")
def gradients_cleared_too_early(
    trace: Trace, *, least: int = 3, share: float = 0.5
) -> Iterator[Hit]:
    """The gradients are cleared after a backward pass and before the update.

    Measures  at sampled updates, the first ones among them, whether gradients that a backward pass had just filled were gone:
              all of them, or some while a later pass filled others.
    Reports   at least `least` updates, and more than `share` of all, that found none; or that found some gone,
              where layers that ran never have a gradient when the optimizer steps.
    Matters   the optimizer has nothing to step with; the weights stay as they are.
    Severity  error.
    Not for   gradients that are thrown away together with their update, as by a gradient scaler; a pass whose
              gradients are replaced by those of another one, as for adversarial inputs.
    Sources   PyTorch documentation, torch.optim, taking an optimization step.
    """
    loop = loop_of(trace)

    def usual(habit: Habit) -> bool:
        return habit.times >= least and habit.times > share * min(habit.of, WATCHED)

    some, habit = loop.habit(Kind.PARTED), loop.habit(Kind.WIPED)
    without = [
        x
        for x in trace.layers
        if x.called and any(p.trainable and p.optimized for p in x.parameters)
        if not typical(late(trace), x.path, gradient_rms)
    ]
    if usual(some) and without:
        yield _hit(
            some,
            f"{some.times} updates found no gradient in {', '.join(in_order(without)[:A_FEW])}: what `backward()`{some.where} gave it "
            "was cleared before the next `backward()`. Call `optimizer.zero_grad()` once, before the first of them.",
            in_order(without),
        )
    elif usual(habit):
        yield _hit(
            habit,
            f"{habit.times} updates{habit.where} found no gradient, because it was cleared after `backward()`: call "
            "`optimizer.zero_grad()` before `backward()` or after `optimizer.step()`, not between them.",
        )


def _hit(habit: Habit, message: str, layers: tuple[str, ...] = ()) -> Hit:
    return Hit(
        severity=Severity.ERROR,
        message=message,
        layers=layers,
        evidence=(Evidence("updates that found their gradients cleared", float(habit.times), 0.0),),
        at=habit.at,
    )


WATCHED = 8  # updates in which gradients that were set to zero are looked for


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
