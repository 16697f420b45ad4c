"""The torch function mode that lets a tape hear every call."""

from typing import Any

import torch
from torch.overrides import (
    TorchFunctionMode,
    _get_current_function_mode_stack,
    _pop_mode,
    _push_mode,
)

from gradcheck_cli.probe.tape import Tape

_BACKWARD: Any = torch.Tensor.backward


class Listening(TorchFunctionMode):
    """Passes every call through unchanged and shows it to the tape."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape
        self._below: int | None = None  # how many modes were on the stack when it was left

    def rest(self) -> None:
        """Hear nothing until `go_on`: hearing costs most where calls are small and many."""
        stack = _get_current_function_mode_stack()
        if stack and stack[-1] is self:
            _pop_mode()
            self._below = len(stack) - 1

    def go_on(self) -> None:
        """Hear again, unless the user entered or left modes in the meantime."""
        if self._below is not None and self._below == len(_get_current_function_mode_stack()):
            _push_mode(self)
        self._below = None

    def update_begins(self) -> None:
        """An optimizer computes, not the model."""
        self._tape.deaf = True
        self.rest()

    def update_ends(self) -> None:
        """What is computed from here on may be the model's."""
        self._tape.deaf = False
        self.go_on()

    def __exit__(self, *_: object) -> None:
        """Leave the stack of modes; the user may have entered others above since."""
        if self not in _get_current_function_mode_stack():
            return
        above = []
        while (mode := _pop_mode()) is not self:
            above.append(mode)
        for mode in reversed(above):
            _push_mode(mode)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tape = self._tape
        if tape.open and func is _BACKWARD:
            tape.backward_begins(args[0])
            return func(*args, **kwargs)
        result = func(*args, **kwargs)
        if tape.open and not tape.deaf:
            with torch._C.DisableTorchFunction():  # noqa: SLF001 - its public twin is a C class too
                tape.saw(func, args, kwargs, result)
        return result
