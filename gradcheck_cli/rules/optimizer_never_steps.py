"""GC802 optimizer-never-steps."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import BY_HAND, Kind
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, loop_of, rule


@rule("GC802", "optimizer-never-steps")
def optimizer_never_steps(
    trace: Trace, *, thrown: int = 3, many: int = 64, some: int = 32, hardly: float = 0.8
) -> Iterator[Hit]:
    """Gradients are computed and the optimizer never uses them, or hardly any of them.

    Measures  backward passes that gave a gradient to parameters of the optimizer, how often it was cleared
              before an update, and whether the parameters changed by other means. Without any optimizer:
              32 passes and more, all onto the same weights, in training mode, none of which changes.
    Reports   no update at all, when gradients were cleared unused at least `thrown` times or there were
              more than `many` backward passes; or at least `some` gradients that were cleared unused, more
              than `hardly` of all.
    Matters   the weights stay as they were initialized, or take a step where they could have taken many.
    Severity  error.
    Not for   accumulation that has not reached its first update; updates written by hand; updates that
              a gradient scaler skips because gradients are infinite; inputs that ask for a gradient, as in
              adversarial training; several optimizers; gradients of a model that was loaded.
    Sources   PyTorch documentation, torch.optim, taking an optimization step.
    """
    loop = loop_of(trace)
    habit = loop.habit(Kind.THROWN)
    if loop.updates or habit.numbers.get("moved"):
        alone = loop.updates and not loop.others and not trace.data.inputs_asked
        if alone and habit.times >= some and habit.share > hardly:
            yield Hit(
                severity=Severity.ERROR,
                message=f"{habit.times} of {habit.of} gradients{habit.where} were cleared before an update used them. Call "
                "`optimizer.step()` after each `backward()`, inside the loop over the batches.",
                evidence=(Evidence("share of gradients that no update used", habit.share, hardly),),
                at=habit.at,
            )
        return
    if habit.times < thrown and loop.backwards <= many:
        return
    where = f" (the first at {habit.at})" if habit.at else ""
    yield Hit(
        severity=Severity.ERROR,
        message=f"{loop.backwards} backward passes{where} and no {_missing(trace)}",
        evidence=(Evidence("updates by the optimizer", float(loop.updates), 1.0),),
        at=habit.at,
    )


def _missing(trace: Trace) -> str:
    if trace.optimizer == BY_HAND:
        return (
            "update: what gets the gradients never changes. Change it in place under `torch.no_grad()`: "
            "`p -= rate * p.grad`. `p = p - rate * p.grad` only makes another tensor."
        )
    return (
        "`optimizer.step()`: no weight ever changes. Call `optimizer.step()` after `backward()`; "
        "`scheduler.step()` changes the learning rate only."
    )
