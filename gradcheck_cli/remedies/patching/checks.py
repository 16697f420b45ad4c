"""Whether a file may be edited: it is the user's own, and it is what ran. The error says why not."""

import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from gradcheck_cli.here import is_gone


class CannotPatchError(Exception):
    """The source cannot be edited safely; `str()` says why, the fix's code is to be pasted."""


MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")
PACKAGES = {"site-packages", "dist-packages"}


def project_root(start: Path) -> Path:
    """Return the nearest folder upwards that looks like a project, else `start`."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if any((folder / mark).exists() for mark in MARKS):
            return folder
    return start


def current_project() -> Path:
    """Return the project around the current folder; where that was removed, one that holds no file."""
    return Path(os.devnull) if is_gone() else project_root(Path.cwd())


def refuse_foreign(path: Path, root: Path) -> None:
    """Raise CannotPatchError for files of packages and files outside the project."""
    if PACKAGES & set(path.parts):
        raise CannotPatchError(f"{path} belongs to an installed package")
    if not path.resolve().is_relative_to(root):
        raise CannotPatchError(f"{path} is outside the project {root}")


def refuse_changed(path: Path) -> None:
    """Raise CannotPatchError when the functions that ran are not those of the file as it is now."""
    module = _module_of(path)
    if module is None:
        raise CannotPatchError(f"{path} is not the source of a module that ran")
    written = compile(path.read_bytes(), str(path), "exec")
    now = {(c.co_qualname, c.co_firstlineno): c for c in _codes(written)}
    for code in _ran(module, path):
        if now.get((code.co_qualname, code.co_firstlineno)) != code:
            raise CannotPatchError(f"{path} has been changed since it was imported")


def _module_of(path: Path) -> ModuleType | None:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).resolve() == path.resolve():
            return module
    return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _ran(module: ModuleType, path: Path) -> Iterator[CodeType]:
    """Yield the code of the functions and methods that were defined in this file."""
    for value in vars(module).values():
        members = vars(value).values() if inspect.isclass(value) else (value,)
        for member in members:
            function = inspect.unwrap(member) if callable(member) else member
            if isinstance(function, FunctionType):
                code = function.__code__
                if Path(code.co_filename).resolve() == path.resolve():
                    yield code
