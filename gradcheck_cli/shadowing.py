"""What of ours the user's code may stand in the way of: modules, by files such as `yaml.py`, and functions.

Python keeps one module of a name. The user's code finds what lies in its folder first, as it would
without us; while we import something, its folders come last and the names it took are ours. That holds
where we start the user's code (`begin`), and in a process of the user's that imports us.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder, all_suffixes
from types import ModuleType
from typing import Any

# Objects of these go from one side to the other, so there is one of each.
SHARED = frozenset({"gradcheck_cli", "torch", "numpy", "lightning", "transformers", "__main__"})
# Packages that draw from Python's `random` as they are imported: a script's import draws, not ours.
DRAWING = {"rich": True}

# Where modules were looked for before the user's code could change it, and by whom.
_found_at_start: list[str] = []
_finders: list[Any] = []
# Modules for which nobody's file can stand in, with or without us.
_at_start: dict[str, ModuleType] = {}
_folders: list[str] = []
_contested: dict[str, bool] = {}  # the names of what lies in them; is it a package?
_set_aside: dict[str, ModuleType] = {}  # ours, of names that the user's folders have too
_functions: dict[str, dict[str, Any]] = {}  # what the modules of Python held before their code ran
replaced: set[str] = set()  # which of those were others when `ours` began
_depth: list[None] = []  # of `ours` within `ours`


def begin() -> None:
    """Tell the sides apart from now on: the process is ours, and none of the user's code has run."""
    _at_start.update(sys.modules)
    _found_at_start[:] = sys.path
    _finders[:] = sys.meta_path
    _folders.clear()
    _contested.clear()


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
        _set_aside.update(_taken(names, lambda module: not _is_theirs(module)))
        for name in sys.stdlib_module_names & {*sys.modules} - {*_functions}:
            _functions[name] = {k: v for k, v in vars(sys.modules[name]).items() if callable(v)}


@contextmanager
def ours() -> Iterator[None]:
    """Let imports within find what they would find if the user's folders were not there.

    What the user's code took out of `sys.path` or `sys.meta_path` is there within, and so are the
    functions of Python that it replaced.
    """
    if _depth:
        yield
        return
    _depth.append(None)
    hosted = not _at_start  # in a process of the user's, which is theirs but for the names we need
    if hosted:
        _look_around()
    path, lost = [*sys.path], [f for f in _finders if f not in sys.meta_path]
    last = _folders if hosted else ()
    known = (entry for entry in (*path, *_found_at_start) if entry not in _folders)
    sys.path[:] = dict.fromkeys((*known, *last))
    sys.meta_path.extend(lost)
    theirs = _taken(_contested, _is_theirs if hosted else None)
    before = {*sys.modules}
    sys.modules.update({k: m for k, m in _at_start.items() if k not in sys.modules} | _set_aside)
    functions = _put_back()
    try:
        yield
    finally:
        for name, values in functions.items():
            vars(sys.modules[name]).update(values)
        _set_aside.update(_taken({n: p for n, p in _contested.items() if n not in before}))
        sys.modules.update(theirs)
        sys.path[:], sys.meta_path[:] = path, [f for f in sys.meta_path if f not in lost]
        _depth.clear()


def _put_back() -> dict[str, dict[str, Any]]:
    """Put back what was replaced in modules of Python, and return by what."""
    changed: dict[str, dict[str, Any]] = {}
    replaced.clear()
    for name, held in _functions.items():
        now = vars(sys.modules.get(name, sys))
        others = {k: now.get(k) for k, v in held.items() if now.get(k) is not v}
        others = {k: v for k, v in others.items() if not _is_ours(v)}
        if others and name in sys.modules:
            changed[name] = others
            replaced.update(f"{name}.{k}" for k in others)
            now.update({k: held[k] for k in others})
    return changed


def _is_ours(value: object) -> bool:
    return str(getattr(value, "__module__", "")).startswith("gradcheck_cli.")


def _look_around() -> None:
    """Find the folders of a process of the user's, and what in them stands before a module of others."""
    ends = [at for at, entry in enumerate(sys.path) if _has(entry, "os.py")]
    first = sys.path[: min(ends, default=0)]  # Python's own modules come after theirs
    folders = [entry for entry in first if not _has(entry, "gradcheck_cli", "__init__.py")]
    if folders == _folders:
        return
    _folders[:], rest = folders, [entry for entry in sys.path if entry not in folders]
    names = {n: kind for folder in folders for n, kind in _names_in(folder or os.curdir).items()}
    elsewhere = {n for n in names if n in sys.stdlib_module_names or PathFinder.find_spec(n, rest)}
    _contested.clear()
    _contested.update({n: kind for n, kind in names.items() if n in elsewhere})


def _has(folder: object, *names: str) -> bool:
    return isinstance(folder, str) and os.path.isfile(os.path.join(folder, *names))  # noqa: PTH113, PTH118 - at each import


def _taken(
    names: dict[str, bool], which: Callable[[ModuleType | None], bool] | None = None
) -> dict[str, ModuleType]:
    """Remove the modules of these names and return them; where theirs is a package, all within it too.

    What is within ours and not within theirs stays: a library may import it at any time.
    """
    chosen = {n: kind for n, kind in names.items() if which is None or which(sys.modules.get(n))}
    gone = [key for key in sys.modules if _stands_for(key, chosen)]
    return {key: sys.modules.pop(key) for key in gone}


def _stands_for(key: str, names: dict[str, bool]) -> bool:
    return key in names or names.get(key.partition(".")[0], False)


def _is_theirs(module: ModuleType | None) -> bool:
    """Does it lie in a folder of theirs itself? Libraries may be installed somewhere below."""
    home, name = os.path.split(str(getattr(module, "__file__", None) or ""))
    if name.startswith("__init__."):
        home = os.path.dirname(home)  # noqa: PTH120
    return bool(name) and home in [folder or os.getcwd() for folder in _folders]  # noqa: PTH109


def _names_in(folder: str) -> dict[str, bool]:
    """Return the modules that lie in a folder and may stand in for another; is each a package?"""
    try:
        entries = [(entry.name, entry.path) for entry in os.scandir(folder)]
    except OSError:
        return {}
    ends = all_suffixes()
    names = {name[: -len(end)]: False for name, _ in entries for end in ends if name.endswith(end)}
    for name, path in entries:
        if _has(path, "__init__.py"):
            names[name] = True
    return {n: package for n, package in names.items() if n not in SHARED and n not in _at_start}
