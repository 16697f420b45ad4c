"""How functional calls inside a forward are exchanged in memory: torch.sigmoid(x), x.detach()."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from gradcheck_cli.ops import placed
from gradcheck_cli.records.trace import SourceSite

Substitute = Callable[..., Any]
SKIPPED = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


_PLAYED: list[tuple[Path, int]] = []  # where the call that is played again was made


def _resolved(file: str) -> Path:
    return _without_links(os.path.abspath(file))  # noqa: PTH100 - the folder may change; links are what takes time


@cache
def _without_links(file: str) -> Path:
    return Path(file).resolve()


@contextmanager
def played_at(site: SourceSite | None) -> Iterator[None]:
    """Inside, every call counts as made there: it is played again, not made by the user's code."""
    place = (Path(), 0) if site is None else (_resolved(site.file), site.line)
    _PLAYED.append(place)
    try:
        yield
    finally:
        _PLAYED.pop()


class Placed(TorchFunctionMode, ABC):
    """A mode that handles calls of torch's API and knows which of them are written on its line.

    One instance serves many forward passes; it begins each without memory of the one before.
    """

    def __init__(self, site: SourceSite) -> None:
        super().__init__()
        self.file = _resolved(site.file)
        self.line = site.line

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Hand the call on to `handle`."""
        return self.handle(func, name_of(func), *placed(args, kwargs or {}))

    def __exit__(self, *raised: object) -> None:
        """Forget what belonged to this forward pass."""
        self.forget()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    @abstractmethod
    def handle(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Return what the call shall return."""

    def forget(self) -> None:
        """A forward pass has ended."""

    def is_here(self) -> bool:
        """Was the call that `handle` handles made on the line?"""
        if _PLAYED:
            return _PLAYED[-1] == (self.file, self.line)
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the only way to know who calls
        while frame is not None and frame.f_code.co_filename.startswith(SKIPPED):
            frame = frame.f_back
        if frame is None or frame.f_lineno != self.line:
            return False
        return Path(frame.f_code.co_filename).resolve() == self.file


class Exchange(Placed):
    """While active, a call by this name written on this line goes to a substitute."""

    def __init__(self, site: SourceSite, name: str, substitute: Substitute) -> None:
        super().__init__(site)
        self.name = name
        self.substitute = substitute

    def handle(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Call the substitute when the call is the one that is meant."""
        if name == self.name and self.is_here():
            return self.substitute(*args)
        return func(*args, **kwargs)


def name_of(function: Callable[..., Any]) -> str:
    """Return what a call of torch's API is called, without underscores; `data` for reading `x.data`."""
    name = getattr(function, "__name__", "")
    if name == "__get__":
        name = getattr(function.__self__, "__name__", "")  # type: ignore[attr-defined]
    return str(name).strip("_")


def exchange_calls(
    exchanges: Mapping[tuple[SourceSite, str], Substitute],
) -> Callable[[nn.Module], None]:
    """Return an edit after which the calls at these places, by name, go to the substitutes."""
    return within([Exchange(site, name, to) for (site, name), to in exchanges.items()])


def within(modes: Sequence[AbstractContextManager[Any]]) -> Callable[[nn.Module], None]:
    """Return an edit after which the model's forward runs while these are active."""

    def edit(model: nn.Module) -> None:
        forward = model.forward

        def watched(*args: Any, **kwargs: Any) -> Any:
            with ExitStack() as stack:
                for mode in modes:
                    stack.enter_context(mode)
                return forward(*args, **kwargs)

        watched.modes = (*modes, *getattr(forward, "modes", ()))  # type: ignore[attr-defined]
        model.forward = watched

    return edit
