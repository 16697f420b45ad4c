"""The torch function mode that lets a tape hear every call."""

from threading import get_ident
from typing import Any, Self

import torch
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode_stack,
    _pop_mode,
    _push_mode,
)

from gradcheck_cli.ops import placed
from gradcheck_cli.probe import shield
from gradcheck_cli.probe.hooking import in_backward, unheard
from gradcheck_cli.probe.tape import Tape
from gradcheck_cli.probe.teachers import Prelude

_BACKWARD: Any = torch.Tensor.backward


class Listening(TorchFunctionMode):
    """Passes every call through unchanged and shows it to the tape.

    It lies below the modes of the user, who may leave in a step what was entered before it: leaving
    takes the topmost mode away, whichever it is.
    """

    def __init__(self, tape: Tape | Prelude) -> None:
        super().__init__()
        self._tape = tape
        self._thread = get_ident()  # every thread has a stack of its own
        self._resting = self._is_over = False

    def rest(self) -> None:
        """Hear nothing until `go_on`: hearing costs most where calls are small and many."""
        if get_ident() == self._thread and leave(self):
            self._resting = True

    def go_on(self) -> None:
        """Hear again."""
        if self._resting and get_ident() == self._thread:
            self._resting = False
            join_lowest(self)

    def update_begins(self) -> None:
        """An optimizer computes, not the model."""
        self._tape.deaf = True
        self.rest()

    def update_ends(self) -> None:
        """What is computed from here on may be the model's."""
        self._tape.deaf = False
        self.go_on()

    def __enter__(self) -> Self:
        """Join the stack of modes, at its bottom."""
        sweep()
        join_lowest(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the stack of modes, wherever it lies there now."""
        self._resting, self._is_over = False, True
        if in_backward():
            _LEFT_OVER.append(self)
        else:
            leave(self)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self._is_over or shield.now.over:
            return func(*args, **kwargs)
        tape = self._tape
        if tape.open and func is _BACKWARD:
            self._backward_begins(args[0])
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if not tape.deaf:
            self._hears(func, args, kwargs, result)
        return result

    @unheard
    def _hears(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        tape = self._tape
        (tape.saw if tape.open else tape.overhears)(func, *placed(args, kwargs), result)

    @shield.shielded
    def _backward_begins(self, loss: torch.Tensor) -> None:
        self._tape.backward_begins(loss)


# Modes that ended amid a backward pass (an optimizer that steps in a hook), where torch has an empty
# stack, or amid a call of their own, after which torch puts them back: they pass everything by, and
# leave the stack before the next step, or at the end.
_LEFT_OVER: list[TorchFunctionMode] = []


def sweep() -> None:
    """Take away the modes of steps that ended amid a backward pass."""
    if _LEFT_OVER and not in_backward():
        _LEFT_OVER[:] = [mode for mode in _LEFT_OVER if not leave(mode)]


def leave_later(mode: TorchFunctionMode) -> None:
    """Take a mode away as soon as it lies on the stack again."""
    _LEFT_OVER.append(mode)


def join_lowest(new: TorchFunctionMode) -> None:
    """Put a mode below those of the user."""
    stack = _get_current_function_mode_stack()
    # What `torch.set_default_device` enters insists on being the lowest.
    own = torch._GLOBAL_DEVICE_CONTEXT  # noqa: SLF001 - no public way to ask
    lowest = bool(stack) and stack[0] is getattr(own, "device_context", None)
    above = [_pop_mode() for _ in stack[lowest:]]
    for mode in (new, *reversed(above)):
        _push_mode(mode)


def leave(old: TorchFunctionMode) -> bool:
    """Take a mode away, wherever it lies now; False where it lies nowhere."""
    if old not in _get_current_function_mode_stack():
        return False
    above = []
    while (mode := _pop_mode()) is not old:
        above.append(mode)
    for mode in reversed(above):
        _push_mode(mode)
    return True
