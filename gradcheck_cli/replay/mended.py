"""What of the loop, and of its loss, is played otherwise than it was recorded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.replay.events import Applied, Call, Event, Method, Update
from gradcheck_cli.replay.recording import Recording, Unit, leading_to
from gradcheck_cli.replay.values import Given, Made, Owned, mapped, placeholders
from gradcheck_cli.targets.change import LoopChange

Flags = dict[int, bool]  # by id of the module: is it in train mode


@dataclass(slots=True)
class Mended:
    """The loop as a change has it, beside the events that were recorded."""

    loop: LoopChange = field(default_factory=LoopChange)
    first: dict[int, Flags] = field(default_factory=dict)  # by id of the module that is called
    optimizers: Sequence[torch.optim.Optimizer] = ()
    is_drawing: bool = False  # in train mode, where nothing was drawn when it was recorded

    def leaves_out(self, event: Event) -> bool:
        """Is the event not played?"""
        return (self.loop.keeps and _clears(event)) or (
            self.loop.steps and isinstance(event, Update)
        )

    def flags(self, call: Call, *, learning: bool) -> Flags:
        """Return in which mode the parts of a called module run; held-out steps are left as they were."""
        trains = self.loop.trains and learning and call.modes.grad
        return self.first.get(id(call.module), {}) if trains else _flags(call)

    def runs_on(self, event: Event) -> bool:
        """Does chance go on from the event before? In eval mode nothing was drawn that could be again."""
        before = self.is_drawing
        if self.loop.trains and isinstance(event, Call) and event.modes.grad:
            self.is_drawing = before or _flags(event) != self.first.get(id(event.module))
        return before

    def divided(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what a backward pass begins from, divided by the passes of an update."""
        passes = self.loop.passes
        return args if passes == 1 else (mapped(args[0], lambda t: t / passes), *args[1:])

    def before(self, event: Event, unit: Unit) -> None:
        """An event of this step is about to be played."""
        if self.loop.unscales and isinstance(event, Applied) and event.clips is not None:
            for update in unit.all:
                if isinstance(update, Update):
                    unscale(update)

    def updated(self, held: Sequence[Tensor]) -> None:
        """An optimizer has stepped these, or is about to compute a closure."""
        if self.loop.clears:
            for tensor in held:
                tensor.grad = None

    def passed(self, unit: Unit) -> None:
        """A backward pass of this step has ended."""
        if not self.loop.steps:
            return
        scalers = (e.owner for e in unit.all if isinstance(e, Method) and e.name == "scale")
        scaler = next(scalers, None)
        for optimizer in self.optimizers:
            if scaler is None:
                optimizer.step()
            else:
                scaler.step(optimizer)
            optimizer.zero_grad()
        if scaler is not None:
            scaler.update()


def mended(
    loop: LoopChange | None, recording: Recording, optimizers: Sequence[torch.optim.Optimizer]
) -> Mended:
    """Return how the loop is played. Raises CannotDiagnoseError where the steps do not show the mistake."""
    if loop is None:
        return Mended()
    first: dict[int, Flags] = {}
    calls = [c for c in recording.calls if c.modes.grad]
    for call in calls:
        first.setdefault(id(call.module), _flags(call))
    if loop.trains and all(_flags(c) == first[id(c.module)] for c in calls):
        raise CannotDiagnoseError(
            f"the model was still in train mode in the {len(recording.units)} recorded steps"
        )
    events = [event for unit in recording.units for event in unit.all]
    if loop.keeps and not any(map(_clears, events)):
        raise CannotDiagnoseError("gradients are cleared in a way that is not recorded")
    if loop.unscales and not any(isinstance(e, Applied) and e.clips for e in events):
        raise CannotDiagnoseError("gradients are clipped in a way that is not recorded")
    if loop.steps and any(all(o is not x for x in optimizers) for o in recording.optimizers):
        raise CannotDiagnoseError("another optimizer steps in this loop")
    return Mended(loop, first, optimizers)


def unscale(update: Update) -> None:
    """Take the factor of a scaler out of the gradients before it is done in the update."""
    if update.scaler is not None:
        state = update.scaler._per_optimizer_states[id(update.optimizer)]  # noqa: SLF001 - no public way
        if state["stage"].name == "READY":
            update.scaler.unscale_(update.optimizer)


def _clears(event: Event) -> bool:
    return isinstance(event, Method) and event.name == "zero_grad"


def _flags(call: Call) -> Flags:
    return {id(part): flag for part, flag in call.training}


SUMS = frozenset({"__add__", "__radd__", "__iadd__", "add", "add_"})


def judged(event: Applied, args: Any, kwargs: Any, change: Callable[..., Any]) -> Any:
    """Run the loss function as the change has it; it is given output and target."""
    given = [*event.args, *event.kwargs.values()]
    output = next(i for i, x in enumerate(given) if isinstance(x, Made))
    target = next(i for i, x in enumerate(given) if isinstance(x, Given))
    names = list(kwargs)

    def criterion(one: Any, other: Any, *_: Any) -> Any:
        values = [*args, *kwargs.values()]
        values[output], values[target] = one, other
        named = dict(zip(names, values[len(args) :], strict=True))
        return event.function(*values[: len(args)], **named)

    values = [*args, *kwargs.values()]
    return change(criterion)(values[output], values[target])


def penalties_of(units: tuple[Unit, ...]) -> Mapping[Event, int]:
    """Return the sums on the way to a loss of which one part is computed of weights alone, and which."""
    of_data, of_weights, found = set[int](), set[int](), dict[Event, int]()
    for unit in units:
        leading = leading_to(unit, set(unit.losses))
        for event in unit.all:
            given = any(x.tensor.numel() > 1 for x in event.data)
            if isinstance(event, Call) or given or event.reads & of_data:
                of_data |= event.writes
            elif event.reads & of_weights or _uses_weights(event):
                of_weights |= event.writes
            if event in leading and isinstance(event, Applied) and event.name in SUMS:
                slots = [x.slot if isinstance(x, Made) else -1 for x in event.args[:2]]
                alone = [i for i, s in enumerate(slots) if s in of_weights and s not in of_data]
                if len(alone) == 1 and slots[1 - alone[0]] in of_data:
                    found[event] = alone[0]
    return found


def _uses_weights(event: Event) -> bool:
    inside = (*placeholders(event.args), *placeholders(event.kwargs))
    return any(isinstance(x, Owned) and x.tensor.requires_grad for x in inside)


def weighed(args: tuple[Any, ...], penalty: int, factor: float) -> tuple[Any, ...]:
    """Return what is summed with the penalty multiplied; as it was where that changes nothing."""
    if factor == 1.0:
        return args
    return tuple(x * factor if i == penalty else x for i, x in enumerate(args))
