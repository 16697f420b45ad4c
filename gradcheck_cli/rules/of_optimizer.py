"""An optimizer that takes no step, or steps another model."""

from collections.abc import Iterator

from gradcheck_cli.records.loop import BY_HAND, Habit, Kind
from gradcheck_cli.records.trace import Parameter, Trace
from gradcheck_cli.rules.base import Evidence, Hit, Severity, counted, in_order, loop_of, rule


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


@rule("GC803", "optimizer-of-another-model")
def optimizer_of_another_model(
    trace: Trace, *, least: int = 3, looks: int = 16, against: float = 0.75, lasting: int = 32
) -> Iterator[Hit]:
    """None of the optimizer's parameters has a gradient any more, or ever had, while another model gets them.

    Measures  at sampled updates, the first ones among them, whether any parameter of the optimizer has a gradient.
              Which optimizers hold the very parameters of another one, and which layers get gradients that none uses.
    Reports   none in all of at least `least` updates, while layers that run receive gradients. Two optimizers of
              the same parameters, while other layers get gradients that none uses. One that holds all parameters of
              another one and more, whose gradients of these go against the other's in `against` of `looks` updates.
              No new gradient in the last `lasting` updates and more, `least` of them looked at, while parameters of
              the same shapes, which no optimizer holds, have one.
    Matters   the optimizer moves nothing, and the model that runs is trained by nobody.
    Severity  error.
    Not for   optimizers whose turn has not come yet, as in alternating updates.
    Sources   PyTorch documentation, torch.optim, constructing it.
    """
    kinds = Kind.IDLE, Kind.HELD_TWICE, Kind.OPPOSED, Kind.OUTLIVED
    habit, twice, opposed, outlived = (loop_of(trace).habit(kind) for kind in kinds)
    if opposed.of >= looks and opposed.share >= against:
        yield _opposed(opposed, against)
    if outlived.times >= lasting and outlived.numbers["looks"] >= least:
        yield _outlived(outlived, trace.optimizer or "the optimizer")
    if twice.times:
        yield _held_twice(twice)
        return
    running = [x for x in trace.layers if x.parameters and x.trainable and _reached(x.parameters)]
    if habit.times < least or habit.times < habit.of or not running:
        return
    name = trace.optimizer or "the optimizer"
    built = f", made at {habit.at}," if habit.at else ""
    yield Hit(
        severity=Severity.ERROR,
        message=f"In all {habit.of} updates that were looked at, the parameters of {name}{built} had no gradient: they belong to "
        f"another model than the one that runs, whose gradients ({len(running)} of its layers get them) no "
        "optimizer uses. Make the optimizer from the parameters of the model that is called.",
        layers=in_order(running),
        evidence=(Evidence("share of updates without any gradient", habit.share, 0.0),),
        at=habit.at,
    )


def _reached(parameters: tuple[Parameter, ...]) -> bool:
    return any(p.reached and not p.optimized for p in parameters)


def _opposed(habit: Habit, limit: float) -> Hit:
    return Hit(
        severity=Severity.ERROR,
        message=f"The optimizer that is made{habit.where} holds all parameters of another optimizer, too, and undoes its work: in {habit.times} of "
        f"{habit.of} updates their gradients point the other way. Make each from the parameters of its own model.",
        evidence=(Evidence("share of updates against the other's", habit.share, limit),),
        at=habit.at,
    )


def _outlived(habit: Habit, name: str) -> Hit:
    return Hit(
        severity=Severity.ERROR,
        message=f"In at least the last {habit.times} of {habit.of} updates the parameters of {name}, made{habit.where}, got no new gradient: "
        "another model of the same shapes was put in place of theirs and gets them, and no optimizer holds it. "
        "Make the optimizer anew with each model.",
        evidence=(Evidence("share of updates without a new gradient", habit.share, 0.0),),
        at=habit.at,
    )


def _held_twice(habit: Habit) -> Hit:
    made = f" (the first is made at {habit.at})" if habit.at else ""
    many = counted(len(habit.names), "of another model gets", "of another model get")
    kinds = ", ".join(dict.fromkeys(habit.names))
    return Hit(
        severity=Severity.ERROR,
        message=f"Two optimizers hold the same parameters{made}, while {many} gradients that no optimizer "
        f"uses ({kinds}): one of the two was meant for the model that holds them.",
        evidence=(
            Evidence("layers whose gradients no optimizer uses", float(len(habit.names)), 0.0),
        ),
        at=habit.at,
    )
