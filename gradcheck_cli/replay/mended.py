"""What of the loop is played otherwise than it was recorded: a mistake of the loop, mended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.replay.events import Applied, Call, Event, Method, Update
from gradcheck_cli.replay.recording import Recording, Unit
from gradcheck_cli.replay.values import mapped
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
