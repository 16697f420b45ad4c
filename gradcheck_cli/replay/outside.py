"""What lies outside of a training that is played again: names, generators, files; and nothing is said or written twice."""

import builtins
import gc
import io
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from threading import get_ident
from types import ModuleType
from typing import Any

from torch import nn

from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import is_installed
from gradcheck_cli.targets.kept import CONTAINERS, chance_of, refill, shallow

_DEEP = (
    6  # levels below a module of the script: its names, an object, its attributes, what those hold
)
_LONG = 1000  # entries above which a container is data, and not looked into
_MOST = 20_000  # containers
_FILES = (io.TextIOWrapper, io.BufferedWriter, io.FileIO)
_SCREEN = 2  # descriptors up to this one: what goes there is dropped where it is written


@contextmanager
def put_back() -> Iterator[None]:
    """Afterwards names of the script's modules hold what they held; what goes to its open files goes nowhere.

    Counters and lists that a model or a loss writes to while it is played again are known nowhere
    else. Files stay as they are while other threads live, which may write to them.
    """
    restores = list(_restores(_own_modules()))
    with ExitStack() as diverted:
        for file in _files() if threading.active_count() == 1 else ():
            diverted.enter_context(_into_nothing(file))
        try:
            yield
        finally:
            for restore in restores:
                restore()


@contextmanager
def _into_nothing(file: Any) -> Iterator[None]:
    """Let a file's descriptor lead nowhere meanwhile; the file itself is not touched."""
    file.flush()
    at, descriptor = file.tell(), file.fileno()
    kept, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
    try:
        yield
    finally:
        if not file.closed:
            file.flush()
            os.dup2(kept, descriptor)
            file.seek(at)
        os.close(kept)


def _own_modules() -> list[ModuleType]:
    known: list[Any] = list(sys.modules.values())  # some put other objects there
    files = {module: vars(module).get("__file__") for module in known if _is_module(module)}
    return [m for m, file in files.items() if isinstance(file, str) and not is_installed(file)]


def _is_module(value: Any) -> bool:
    return isinstance(value, ModuleType)


def _restores(modules: list[ModuleType]) -> Iterator[Callable[[], object]]:
    """Yield what makes containers and generators that names of these modules lead to what they are now."""
    names = {module.__name__ for module in modules}
    seen: set[int] = set()
    level: list[Any] = [vars(module) for module in modules]
    for _ in range(_DEEP):
        below: list[Any] = []
        for container in level:
            if id(container) in seen or len(seen) >= _MOST:
                continue
            seen.add(id(container))
            content = shallow(container)
            yield partial(refill, container, content)
            if len(content) <= _LONG and not isinstance(content, set):
                entries = content.values() if isinstance(content, dict) else content
                below += [c for entry in entries if (c := _container_of(entry, names)) is not None]
                yield from (again for entry in entries if (again := chance_of(entry)) is not None)
                yield from (_class_again(c) for c in entries if _is_own_class(c, names))
        level = below


def _is_own_class(value: Any, names: set[str]) -> bool:
    return isinstance(value, type) and value.__module__ in names


def _class_again(own: type) -> Callable[[], object]:
    """Return what puts attributes of a class back, as counters that all its objects share."""
    held = {name: value for name, value in vars(own).items() if not name.startswith("__")}

    def again() -> None:
        for name, value in held.items():
            if vars(own).get(name) is not value:
                setattr(own, name, value)

    return again


def _container_of(value: Any, names: set[str]) -> Any:
    """Return a container, or the attributes of a module or an object of the script's own class."""
    if isinstance(value, CONTAINERS):
        return value
    own = isinstance(value, nn.Module) or type(value).__module__ in names
    held = vars(value) if own and hasattr(value, "__dict__") else None
    return held if isinstance(held, dict) else None  # of a class it is a view


def _files() -> list[Any]:
    """Return files on disk that are open for writing, without what lies inside another of them."""
    files = [file for file in gc.get_objects() if type(file) in _FILES]
    inner = {id(getattr(file, name, None)) for file in files for name in ("buffer", "raw")}
    return [file for file in files if id(file) not in inner and _is_written(file)]


def _is_written(file: Any) -> bool:
    """Is it a file on disk that is only written to? One that is read as well has to stay where it is."""
    try:
        kind = os.fstat(file.fileno()).st_mode
        only = "+" not in str(getattr(file, "mode", "+")) and file.writable()
        return only and file.fileno() > _SCREEN and stat.S_ISREG(kind)
    except (OSError, ValueError):  # closed, or of no descriptor
        return False


class _Deaf:
    """A stream that drops what this thread writes, and hands on the rest."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._thread = stream, get_ident()

    def write(self, text: Any) -> int:
        """Drop it, or hand on what another thread writes."""
        return len(text) if get_ident() == self._thread else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def silent() -> Iterator[None]:
    """Inside, nothing that this thread prints, warns of, logs or writes to a file it opens is seen."""
    thread = get_ident()

    def others_only(handle: Any, logger: logging.Logger, record: logging.LogRecord) -> None:
        if get_ident() != thread:
            handle(logger, record)

    def leading_nowhere(opens: Any, file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if get_ident() == thread and mode[:1] in {"w", "a", "x"} and not isinstance(file, int):
            file, mode = os.devnull, mode.replace("x", "w")
        return opens(file, mode, *args, **kwargs)

    logged = replaced(logging.Logger, "handle", others_only)
    opened, as_io = (replaced(of, "open", leading_nowhere) for of in (builtins, io))
    with (
        logged,
        opened,
        as_io,
        redirect_stdout(_Deaf(sys.stdout)),
        redirect_stderr(_Deaf(sys.stderr)),
    ):
        yield
