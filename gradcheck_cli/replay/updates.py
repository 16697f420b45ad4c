"""Updates as they are recorded: settings, closures, and when enough steps were taken."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from gradcheck_cli.probe.shield import around, shielded
from gradcheck_cli.replay.events import Update, settings_of, update_of
from gradcheck_cli.replay.functions import Noting, place_of_call
from gradcheck_cli.replay.keeping import Keeper, Unknown
from gradcheck_cli.replay.values import mapped
from gradcheck_cli.targets.optimizers import ids_held_by


class Listener(Protocol):
    """What a recorder is to its updates."""

    keeper: Keeper
    noting: Noting

    @property
    def is_listening(self) -> bool:
        """Is what happens now to be recorded?"""

    def stepped(self) -> None:
        """An optimizer has stepped."""


@dataclass(slots=True)
class Updates:
    """Counts the steps of each optimizer, and records the first call of a closure."""

    counts: dict[int, int] = field(default_factory=dict)
    _trained: dict[int, set[int]] = field(default_factory=dict)  # ids of what each one trains
    _listener: Listener | None = None
    _running: Update | None = None
    _last: Any = None  # handle of the hook behind the user's own, which may change settings

    @property
    def is_running(self) -> bool:
        """Does an optimizer step now? Its closure is recorded apart."""
        return self._running is not None

    @contextmanager
    def seen(self, listener: Listener) -> Iterator[None]:
        """Inside, every step of an optimizer is recorded."""
        self._listener = listener
        before = register_optimizer_step_pre_hook(shielded(self._before))
        after = register_optimizer_step_post_hook(shielded(self._after))
        try:
            yield
        finally:
            before.remove()
            after.remove()
            self._unhook()
            self._listener = None

    def count(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer has stepped."""
        own = ids_held_by(optimizer)
        before = next((key for key, params in self._trained.items() if params & own), 0)
        if id(optimizer) not in self.counts and before in self.counts:  # made anew in its place
            self.counts[id(optimizer)] = self.counts.pop(before)
            self._trained.pop(before)
        self._trained[id(optimizer)] = own
        self.counts[id(optimizer)] = self.counts.get(id(optimizer), 0) + 1
        if self._listener is not None:
            self._listener.stepped()

    def _before(self, optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> Any:
        listener = self._listener
        if listener is None or not listener.is_listening:
            return None
        listener.noting.rest()
        listener.keeper.know_optimizer(optimizer)
        event = self._running = update_of(optimizer, None, place_of_call())
        listener.keeper.events.append(event)
        self._unhook()
        self._last = optimizer.register_step_pre_hook(shielded(self._settled))
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not callable(closure):
            return None
        event.closure = []
        watched = self._watched(listener, closure, event)
        if "closure" in kwargs:
            return args, {**kwargs, "closure": watched}
        return (args[0], watched, *args[2:]), kwargs

    def _settled(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """The hooks of the user have run, and may have changed the rate."""
        if self._running is not None and self._running.optimizer is optimizer:
            self._running.settings = settings_of(optimizer)

    def _unhook(self) -> None:
        if self._last is not None:
            self._last.remove()
            self._last = None

    def _watched(
        self, listener: Listener, closure: Callable[[], Any], event: Update
    ) -> Callable[[], Any]:
        """Record the first call of a closure as a part of the update."""
        first = True

        def call() -> Any:
            return around(closure, heard, (), {})

        def heard(closure: Callable[[], Any]) -> Any:
            nonlocal first
            if not first or self._listener is None:
                return closure()
            first, keeper = False, listener.keeper
            outside, keeper.events = keeper.events, []
            listener.noting.go_on()
            try:
                returned = closure()
            finally:
                event.closure, keeper.events = keeper.events, outside
                listener.noting.rest()
            with suppress(Unknown):
                event.returned = mapped(returned, keeper.identities.placeholder)
            return returned

        return call

    def _after(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self._running is not None and self._running.optimizer is optimizer:
            self._running = None
            self._unhook()
            if self._listener is not None:
                self._listener.noting.go_on()
            self.count(optimizer)
