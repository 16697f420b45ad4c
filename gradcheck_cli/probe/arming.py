"""Hooks on calls of modules, set only while somebody looks: before the recorders and after them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from gradcheck_cli.probe.session import Session


@dataclass(slots=True)
class Arming:
    """Sees calls of modules: before the recorders when they begin, after them when they end."""

    enters: Callable[..., Any]
    leaves: Callable[..., Any]
    sessions: Sequence[Session]
    armed: bool = False
    _hooks: ExitStack = field(default_factory=ExitStack)

    def arm(self) -> None:
        """Look at calls of modules, also of sessions that were opened since."""
        self.disarm()
        add = self._hooks.callback
        add(register_module_forward_pre_hook(self.enters).remove)
        for session in self.sessions:
            session.recorder.hook_forward()
        add(register_module_forward_hook(self.leaves, always_call=True).remove)
        self.armed = True

    def disarm(self) -> None:
        """Look no more."""
        self._hooks.close()
        for session in self.sessions:
            session.recorder.unhook_forward()
        self.armed = False
