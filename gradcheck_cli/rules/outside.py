"""Parameters that nobody trains: in no optimizer, frozen, or in a layer that nobody calls."""

from collections.abc import Iterator

from gradcheck_cli.features.profile import update_ratio
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.trace import Layer, Trace
from gradcheck_cli.rules.base import (
    CannotTellError,
    Confidence,
    Evidence,
    Hit,
    Severity,
    counted,
    in_order,
    loop_of,
    number,
    rule,
)


@rule("GC602", "not-in-optimizer")
def not_in_optimizer(trace: Trace) -> Iterator[Hit]:
    """Parameters get gradients that no optimizer uses.

    Measures  which trainable parameters received a gradient, and which of them some optimizer holds.
    Reports   layers that received a gradient and are in no optimizer.
    Matters   their gradient is computed at full cost and thrown away; they keep their initial weights.
    Severity  error.
    Not for   frozen layers: set `requires_grad = False` and nothing is reported.
    Sources   PyTorch documentation, torch.optim, per-parameter options.
    """
    if not any(p.optimized for x in trace.layers for p in x.parameters):
        raise CannotTellError("no optimizer was seen")
    missed = [
        x
        for x in trace.layers
        if x.gradient_arrives
        and x.parameters
        and x.depth is not None
        and any(p.trainable for p in x.parameters)
        and not any(p.optimized for p in x.parameters)
    ]
    if not missed:
        return
    size = sum(p.numel for x in missed for p in x.parameters)
    whole = max(sum(p.numel for x in trace.layers for p in x.parameters), 1)
    share = f"with {number(100 * size / whole)} % of the parameters"
    yield Hit(
        severity=Severity.ERROR,
        message=f"{counted(len(missed), f'{share} receives', f'{share} receive')} gradients, "
        f"but no optimizer holds {'it' if len(missed) == 1 else 'them'}.",
        layers=in_order(missed),
        evidence=(Evidence("share of parameters that no optimizer holds", size / whole, 0.0),),
    )


@rule("GC603", "frozen-parameter")
def frozen_parameter(trace: Trace) -> Iterator[Hit]:
    """Layers that never move: without a gradient, or at a learning rate of 0; on purpose or not.

    Measures  the share of parameters with `requires_grad = False`; and of those in a parameter group of
              learning rate 0, which stay as they are while others move.
    Reports   any, as information.
    Matters   a frozen layer keeps its weights; that is what fine-tuning wants and what a forgotten line does.
    Severity  note.
    Not for   buffers, which are never trained; a rate that warms up from 0.
    Sources   PyTorch notes, Autograd mechanics (requires_grad).
    """
    if not trace.layers:
        raise CannotTellError("no layer was seen")
    still = {x.path for x in trace.layers if _stands_still(trace, x)}
    moves = any(x.trainable and x.path not in still for x in trace.weight_layers)
    for layers, what in (
        (
            [x for x in trace.layers if x.parameters and not x.trainable],
            ("is frozen", "are frozen"),
        ),
        (
            [x for x in trace.layers if x.path in still and moves],
            ("has a learning rate of 0", "have a learning rate of 0"),
        ),
    ):
        if layers:
            yield _hit(trace, layers, what)


def _stands_still(trace: Trace, layer: Layer) -> bool:
    """Its rates began at 0, and no observed update of several changed it."""
    rates = {p.learning_rate for p in layer.parameters if p.trainable and p.optimized}
    readings = (s.readings.get(layer.path) for s in trace.observed)
    changes = [c for r in readings if r is not None and (c := update_ratio(r)) is not None]
    return rates == {0.0} and len(changes) > 1 and not any(changes)


def _hit(trace: Trace, layers: list[Layer], what: tuple[str, str]) -> Hit:
    size = sum(p.numel for x in layers for p in x.parameters)
    whole = max(sum(p.numel for x in trace.layers for p in x.parameters), 1)
    share = number(100 * size / whole)
    if share == "100" and size < whole:
        share = "almost 100"  # a small head is trained
    said = [f"with {share} % of the parameters {words}" for words in what]
    return Hit(
        severity=Severity.NOTE,
        message=f"{counted(len(layers), *said)}.",
        layers=in_order(layers),
        evidence=(Evidence(f"share of parameters that {what[1]}", size / whole, None),),
    )


@rule("GC604", "never-called")
def never_called(trace: Trace) -> Iterator[Hit]:
    """Layers hold trainable parameters and never run.

    Measures  which layers took part in a forward pass of an observed step.
    Reports   those that did not, as information.
    Matters   they cost memory and, under DistributedDataParallel, stop training with an error.
    Severity  note.
    Not for   layers skipped by a condition, such as experts or stochastic depth, over too few steps.
    Sources   PyTorch documentation, DistributedDataParallel (find_unused_parameters).
    """
    if not trace.observed:
        raise CannotTellError("no step was observed")
    idle = [x for x in trace.layers if x.parameters and x.trainable and not _ran(x)]
    if not idle:
        return
    yield Hit(
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        message=f"{number(len(idle))} layers were never called in {trace.taken} steps.",
        layers=in_order(idle),
        evidence=(Evidence("layers never called", float(len(idle)), 0.0),),
    )


def _ran(layer: Layer) -> bool:
    """A bare parameter is not called; that a gradient reached it shows that it took part."""
    return layer.called or any(p.reached for p in layer.parameters)


_NAMED = 4  # layers in a sentence


@rule("GC810", "unfrozen-too-late")
def unfrozen_too_late(trace: Trace) -> Iterator[Hit]:
    """Parameters were frozen when the optimizer was made, and it never got them.

    Measures  which parameters have `requires_grad=True` and a gradient and are in no optimizer; whether they
              had `requires_grad=False` when the optimizer was made.
    Reports   any that were frozen then.
    Matters   to unfreeze them costs their gradients and trains nothing.
    Severity  error.
    Not for   optimizers that hold frozen parameters from the start, that get them later
              (add_param_group), or that are made anew.
    Sources   PyTorch documentation, torch.optim.Optimizer.add_param_group.
    """
    habit = loop_of(trace).habit(Kind.UNFROZEN_LATE)
    yield from _outside(trace, habit, "were frozen when the optimizer was made")


@rule("GC811", "added-after-optimizer")
def added_after_optimizer(trace: Trace) -> Iterator[Hit]:
    """Parameters were created after the optimizer, and it never got them.

    Measures  which parameters have `requires_grad=True` and a gradient and are in no optimizer; whether they
              existed when the optimizer was made.
    Reports   any that did not.
    Matters   a new head, adapter or block keeps the weights it was initialized with.
    Severity  error.
    Not for   parameters that the optimizer gets later (add_param_group); an optimizer made anew; a whole
              model that no optimizer holds (optimizer-of-another-model); layers that each forward pass makes.
    Sources   PyTorch documentation, torch.optim.Optimizer.add_param_group.
    """
    loop = loop_of(trace)
    idle = loop.habit(Kind.IDLE)
    if (idle.times and idle.times == idle.of) or loop.habit(Kind.MADE_ANEW).times:
        return
    yield from _outside(trace, loop.habit(Kind.ADDED_LATE), "were created after the optimizer")


def _outside(trace: Trace, habit: Habit, why: str) -> Iterator[Hit]:
    """Yield the finding that the parameters of a habit are outside of all optimizers."""
    if not habit.times:
        return
    known = {x.path for x in trace.layers}
    more = len(habit.names) - _NAMED
    shown = ", ".join(habit.names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    made = f" ({habit.at})" if habit.at else ""
    yield Hit(
        severity=Severity.ERROR,
        message=f"{habit.times} of {habit.of} trainable parameters ({shown}) receive gradients and {why}{made}, so "
        "no update moves them: make the optimizer afterwards, or call `optimizer.add_param_group`.",
        layers=tuple(n for n in habit.names if n in known),
        evidence=(Evidence("trainable parameters outside of all optimizers", habit.times, 0.0),),
        at=habit.at,
    )
