"""What happens in a recorded step, in the order in which it happened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.replay.values import Given, Path, mapped
from gradcheck_cli.targets.modes import Modes, modes_now
from gradcheck_cli.targets.randomness import State, capture

WITH_A_GRAPH = Modes(grad=True)


@dataclass(slots=True, kw_only=True, eq=False)
class Event:
    """Anything recorded: what it was given, and the slots of the tensors that came out.

    The way to an output begins at (result, args, kwargs), because some functions write to what they
    are given and return nothing.
    """

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[tuple[Path, int], ...] = ()
    modes: Modes = WITH_A_GRAPH
    chance: State | None = None
    site: SourceSite | None = None
    lasting: bool = False  # it changes something besides its outputs
    reads: frozenset[int] = frozenset()  # the slots that it needs
    data: tuple[Given, ...] = ()  # the data that it needs
    since: tuple[tuple[str, frozenset[int]], ...] = ()  # where which outputs left before data came

    @property
    def writes(self) -> set[int]:
        """The slots that it fills."""
        return {slot for _, slot in self.outputs}


@dataclass(slots=True, kw_only=True, eq=False)
class Call(Event):
    """A call of a module by something that is no module."""

    module: nn.Module
    training: tuple[tuple[nn.Module, bool], ...] = ()  # flags of all its parts


@dataclass(slots=True, kw_only=True, eq=False)
class Applied(Event):
    """A function of torch outside modules. `of_state`: it writes to what lasts beyond the step."""

    function: Callable[..., Any]
    name: str = ""
    of_state: bool = False
    clips: tuple[str, float] | None = None  # part of clip_grad_norm_ or clip_grad_value_


@dataclass(slots=True, kw_only=True, eq=False)
class Backward(Event):
    """A backward pass from losses; `losses` are their slots before a scaler multiplied them."""

    function: Callable[..., Any]
    losses: tuple[int, ...] = ()
    values: tuple[Tensor, ...] = ()  # what was recorded


@dataclass(slots=True, kw_only=True, eq=False)
class Method(Event):
    """A method of an optimizer, a module or a gradient scaler: zero_grad, scale, unscale_, update."""

    owner: Any
    name: str
    function: Callable[..., Any]


@dataclass(slots=True, kw_only=True, eq=False)
class Update(Event):
    """A step of an optimizer with its settings, perhaps through a scaler, perhaps with a closure."""

    optimizer: torch.optim.Optimizer
    settings: tuple[dict[str, Any], ...]
    scaler: torch.amp.GradScaler | None = None
    closure: "list[Event] | None" = None
    returned: Any = None  # by the closure


def flat(events: list[Event]) -> list[Event]:
    """Return the events with those inside closures in their places, before the update they serve."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, Update) and event.closure is not None:
            found += flat(event.closure)
        found.append(event)
    return found


def learns(event: Event) -> bool:
    """Does it belong to learning, and not to the loss?"""
    if isinstance(event, Method):
        return event.name != "scale"
    if isinstance(event, Applied):
        return event.of_state or event.name.startswith("register_")
    return isinstance(event, Update | Backward)


def update_of(optimizer: torch.optim.Optimizer, scaler: Any, site: SourceSite | None) -> Update:
    """Return the event of a step with the settings that hold now."""
    return Update(
        optimizer=optimizer,
        settings=settings_of(optimizer),
        scaler=scaler,
        modes=modes_now(),
        chance=capture(),
        site=site,
        lasting=True,
    )


def settings_of(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], ...]:
    """Return a copy of all that its groups hold beside parameters."""
    return tuple(
        {key: mapped(value, _frozen) for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    )


def _frozen(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()
