"""Files of the user's that are called as a module of ours is, such as `yaml.py`: each side gets its own.

Python keeps one module of a name. The user's code finds what lies in its folder first, as it would
without us; while we import something, its folders are not looked into and the names it took are ours.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import all_suffixes
from types import ModuleType
from typing import Any

# Objects of these go from one side to the other, so there is one of each.
SHARED = frozenset({"gradcheck_cli", "torch", "numpy", "__main__"})
# Packages that draw from Python's `random` as they are imported: a script's import draws, not ours.
DRAWING = {"rich": True}

# Where modules were looked for before the user's code could change it, and by whom.
_found_at_start: list[str] = []
_finders: list[Any] = []
_at_start: set[str] = set()  # modules for which nobody's file can stand in, with or without us
_folders: list[str] = []
_contested: dict[str, bool] = {}  # the names of what lies in them; is it a package?
_set_aside: dict[str, ModuleType] = {}  # ours, of names that the user's folders have too


def begin() -> None:
    """Tell the sides apart from now on: the process is ours, and none of the user's code has run.

    In a process of the user's nothing is moved.
    """
    _at_start.update(sys.modules)
    _found_at_start[:] = sys.path
    _finders[:] = sys.meta_path


def theirs_first(folder: str, *, drawing: bool = False) -> None:
    """Let imports look in `folder` first, as `python file.py` does there; with `drawing`, draw anew."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if _at_start and folder not in _folders:
        _folders.append(folder)
        names = _names_in(folder)
        if (
            "torch" in sys.modules
        ):  # it needs those of Python, and could not have been loaded with theirs
            names = {n: kind for n, kind in names.items() if n not in sys.stdlib_module_names}
        names |= DRAWING if drawing else {}
        _contested.update(names)
        _set_aside.update(_taken(names, but_theirs=True))


@contextmanager
def ours() -> Iterator[None]:
    """Let imports within find what they would find if the user's folders were not there.

    What the user's code took out of `sys.path` or `sys.meta_path` is there within.
    """
    path, lost = [*sys.path], [f for f in _finders if f not in sys.meta_path]
    sys.path[:] = dict.fromkeys(
        entry for entry in (*path, *_found_at_start) if entry not in _folders
    )
    sys.meta_path.extend(lost)
    theirs = _taken(_contested)
    sys.modules.update(_set_aside)
    try:
        yield
    finally:
        _set_aside.update(_taken(_contested))
        sys.modules.update(theirs)
        sys.path[:], sys.meta_path[:] = path, [f for f in sys.meta_path if f not in lost]


def _taken(names: dict[str, bool], *, but_theirs: bool = False) -> dict[str, ModuleType]:
    """Remove the modules of these names and return them; where theirs is a package, all within it too.

    What is within ours and not within theirs stays: a library may import it at any time.
    """
    kept = {name for name in names if but_theirs and _is_theirs(sys.modules.get(name))}
    gone = [key for key in sys.modules if key not in kept and _stands_for(key, names)]
    return {key: sys.modules.pop(key) for key in gone}


def _stands_for(key: str, names: dict[str, bool]) -> bool:
    return key in names or names.get(key.partition(".")[0], False)


def _is_theirs(module: ModuleType | None) -> bool:
    file = str(getattr(module, "__file__", None) or "")
    return file.startswith(tuple(folder + os.sep for folder in _folders))


def _names_in(folder: str) -> dict[str, bool]:
    """Return the modules that lie in a folder and may stand in for another; is each a package?"""
    try:
        entries = [(entry.name, entry.path) for entry in os.scandir(folder)]
    except OSError:
        return {}
    ends = all_suffixes()
    names = {name[: -len(end)]: False for name, _ in entries for end in ends if name.endswith(end)}
    for name, path in entries:
        if os.path.isfile(os.path.join(path, "__init__.py")):  # noqa: PTH113, PTH118 - in one pass
            names[name] = True
    return {n: package for n, package in names.items() if n not in SHARED and n not in _at_start}
