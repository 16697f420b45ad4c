"""Whether a graph is kept and mixed precision is on: noted where it held, and put on again."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import torch

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Modes:
    """Whether a graph is kept, and mixed precision: (device, type, weights cached) where it is on."""

    grad: bool
    autocast: tuple[tuple[str, torch.dtype, bool], ...] = ()


def modes_now() -> Modes:
    """Return the modes that hold now."""
    cached = torch.is_autocast_cache_enabled()
    autocast = tuple(
        (device, torch.get_autocast_dtype(device), cached)
        for device in DEVICES
        if torch.is_autocast_enabled(device)
    )
    return Modes(torch.is_grad_enabled(), autocast)


class Region:
    """Keeps mixed precision on across neighboring events, as the one region that it was."""

    def __init__(self) -> None:
        self.autocast: tuple[tuple[str, torch.dtype, bool], ...] = ()
        self.grad = True
        self.stack = ExitStack()

    def enter(self, modes: Modes) -> None:
        """Go over to these modes."""
        self.grad = modes.grad
        if modes.autocast == self.autocast:
            return
        self.stack.close()
        self.autocast = modes.autocast
        for device, kind, cached in modes.autocast:
            self.stack.enter_context(torch.autocast(device, dtype=kind, cache_enabled=cached))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()
        self.autocast = ()
