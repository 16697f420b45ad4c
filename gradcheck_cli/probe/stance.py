"""While modules are looked at, and only then: hooks on their calls, and torch.compile set aside, as compiled ones call none."""

import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

from gradcheck_cli.probe.session import Session

# What torch.compile says of our hooks, to people who did not put them there.
_ABOUT_HOOKS = r"Using `torch\.compile\(module\)` when there are global hooks on modules"
_SHOWN = 6  # ranges of step numbers in a sentence


@dataclass(slots=True)
class Stance:
    """Runs compiled modules eagerly in the steps that are observed, and compiled in all others.

    A compiled function may hold a whole step, in which the stance cannot change: with one, everything
    runs eagerly. `torch._dynamo` takes seconds to import: nothing is touched before it is used.
    """

    used: bool = False
    always: bool = False
    looking: bool = False
    steps: list[int] = field(default_factory=list)  # that ran eagerly, counted from 1
    _held: Any = None

    def compiles(self, what: object) -> None:
        """A module, a method or a function is compiled."""
        owner = getattr(what, "__self__", what)
        if not self.used:
            warnings.filterwarnings("ignore", message=_ABOUT_HOOKS)
        self.used = True
        self.always |= not isinstance(owner, nn.Module)
        self._settle()

    def may_know(self, model: nn.Module) -> None:
        """The model may have been compiled before."""
        if "torch._dynamo" in sys.modules:
            self.compiles(model)

    def looks(self, looking: bool) -> None:
        """From here on modules are looked at, or not."""
        if looking is not self.looking:
            self.looking = looking
            self._settle()

    def ended(self, step: int) -> None:
        """Step number `step`, counted from 1, has ended; 0 is none."""
        if step and self._held is not None and not self.always and self.steps[-1:] != [step]:
            self.steps.append(step)

    def close(self) -> None:
        """Let compiled modules run as before."""
        if self._held is not None:
            held, self._held = self._held, None
            held.__exit__(None, None, None)

    def _settle(self) -> None:
        if not (self.looking or self.always):
            self.close()
        elif self.used and self._held is None:
            self._held = torch.compiler.set_stance("force_eager")

    @property
    def told(self) -> str:
        """Say which steps ran eagerly, as the report does."""
        if self.always:
            return (
                "torch.compile was set aside in all steps (stance force_eager): a compiled function "
                "calls no hooks; the compiled run may differ in rounding"
            )
        return (
            f"torch.compile was set aside in {len(self.steps)} steps (stance force_eager), because "
            f"compiled modules call no hooks: {spans(self.steps)}; all others ran compiled"
        )


def spans(steps: list[int]) -> str:
    """Write sorted step numbers as ranges: 1-8, 13, ..., 900."""
    if not steps:
        return "none"
    breaks = [i for i, (a, b) in enumerate(pairwise(steps), start=1) if b != a + 1]
    edges = [0, *breaks, len(steps)]
    parts = [(steps[a], steps[b - 1]) for a, b in pairwise(edges)]
    words = [str(a) if a == b else f"{a}-{b}" for a, b in parts]
    return ", ".join(words if len(words) <= _SHOWN else [*words[: _SHOWN - 1], "...", words[-1]])


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
