"""GC817 gradients-cleared-too-early."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import gradient_rms, late, typical
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import A_FEW, Evidence, Hit, Severity, in_order, loop_of, rule


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
