"""Functions of torch: the mode that hands them over, what each is called, and whether it draws or writes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.probe.listening import join_lowest, leave, leave_later
from gradcheck_cli.probe.shield import around
from gradcheck_cli.records.trace import SourceSite

_OURS = str(Path(__file__).parent.parent)
_TORCH = str(Path(torch.__file__).parent)
_CLIPPING = str(Path(_TORCH, "nn", "utils", "clip_grad.py"))
_RANDOM = (
    "rand",
    "dropout",
    "bernoulli",
    "multinomial",
    "normal",
    "uniform",
    "poisson",
    "exponential",
    "geometric",
    "cauchy",
    "gumbel",
    "rrelu",
    "attention",
    "sample",
    "apply",
    "checkpoint",
)


def name_of(function: Callable[..., Any]) -> str:
    """Return a function's name; `get grad` and `set grad` for reading and writing an attribute."""
    name = getattr(function, "__name__", "")
    if name in {"__get__", "__set__"}:
        return f"{name.strip('_')} {getattr(function.__self__, '__name__', '')}"  # type: ignore[attr-defined]
    return str(name)


def is_random(name: str) -> bool:
    """May it draw numbers?"""
    return any(part in name for part in _RANDOM)


def written_by(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Return the tensors that a function writes to."""
    found: list[Any] = []
    in_place = name.endswith("_") and not name.endswith("__")
    if in_place or name.startswith("set ") or name == "__setitem__" or _is_augmented(name):
        found += args[:1] or list(kwargs.values())[:1]  # nn.init names its argument
    if "out" in kwargs:
        found.append(kwargs["out"])
    flattened = [
        x for entry in found for x in (entry if isinstance(entry, list | tuple) else [entry])
    ]
    return [x for x in flattened if isinstance(x, Tensor)]


def _is_augmented(name: str) -> bool:
    return (
        name.startswith("__i")
        and name.endswith("__")
        and name not in {"__invert__", "__int__", "__index__"}
    )


def calling_frame() -> FrameType | None:
    """Return the frame of the user's that is being run."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who calls
    while frame is not None and frame.f_code.co_filename.startswith((_OURS, _TORCH, "<frozen")):
        frame = frame.f_back
    return frame


def place_of_call() -> SourceSite | None:
    """Return the line of the user's that is being run."""
    return site_of_frame(calling_frame())


def site_of_frame(frame: FrameType | None) -> SourceSite | None:
    """Return the line that a frame is at."""
    return None if frame is None else SourceSite(frame.f_code.co_filename, frame.f_lineno)


def clip_in_progress() -> tuple[str, float] | None:
    """Return (clip_grad_norm_ or clip_grad_value_, its limit) where a function is a part of that."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    for _ in range(8):
        if frame is None:
            return None
        code = frame.f_code
        if code.co_filename == _CLIPPING and code.co_name in {
            "clip_grad_norm_",
            "clip_grad_value_",
        }:
            limit = frame.f_locals.get("max_norm", frame.f_locals.get("clip_value"))
            return code.co_name, float(limit or 0.0)
        frame = frame.f_back
    return None


def is_transparent(module: nn.Module) -> bool:
    """Is it better noted as the functions that it calls? So are losses, and whatever has no weights."""
    if isinstance(module, nn.modules.loss._Loss):  # noqa: SLF001 - the class of all losses
        return True
    return next(module.parameters(), None) is None and next(module.buffers(), None) is None


def versions(module: nn.Module) -> int:
    """Return a number that grows when a buffer is written to."""
    return sum(b._version for b in module.buffers() if not b.is_inference())  # noqa: SLF001


TRANSFORMED = "a step goes through torch.func (grad, vmap), whose tensors cannot be followed"


class Noting(TorchFunctionMode):
    """Hands every function to `hears`, below the modes of the user, unless it rests.

    It rests inside whatever is one event as a whole, and while we work: then it is off the stack,
    because passing through it costs most where calls are small and many.
    """

    def __init__(self, hears: Callable[[Callable[..., Any], Any, Any], Any]) -> None:
        super().__init__()
        self.hears = hears
        self.inside = 0  # events as a whole
        self.is_over = False
        self._rests = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Hand it over."""
        return around(func, self._hand_over, args, kwargs or {})

    def _hand_over(self, func: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.hears(func, args, kwargs)

    def begin(self) -> None:
        """Join the stack of modes."""
        join_lowest(self)

    def end(self) -> None:
        """Leave the stack for good, wherever it lies there; amid a call of its own, after it."""
        self.is_over = True
        if not leave(self) and self.inside == 0:
            leave_later(self)

    def rest(self) -> None:
        """Hear nothing until `go_on`."""
        self.inside += 1
        if self.inside == 1:
            self._rests = leave(self)

    def go_on(self) -> None:
        """Hear again."""
        self.inside -= 1
        if self.inside == 0 and self._rests and not self.is_over:
            join_lowest(self)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Hear nothing inside."""
        self.rest()
        try:
            yield
        finally:
            self.go_on()
