"""When a module has been imported: by an import statement, a lazy importer, or before we looked."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Waiting:
    """Stands first among the finders until the module has been executed.

    A mere lookup (`importlib.util.find_spec`) changes nothing: each answer carries a loader of its own
    that tells when it has run. A finder that was put before this one may import the module unheard;
    then the next import of anything else shows that the module is there.
    """

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name = name
        self.then = then
        self.runs = False  # the module is being executed

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Find the module as everybody does, and hear when it has been executed."""
        if name == self.name:
            return self._listened(name, path, target)
        if not self.runs and is_imported(self.name):
            self._arrived()
        return None

    def _listened(self, name: str, path: Any, target: Any) -> ModuleSpec | None:
        place = sys.meta_path.index(self) + 1  # those before it have been asked
        for finder in sys.meta_path[place:]:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                if spec.loader is not None and "exec_module" not in vars(spec.loader):
                    self._listen_to(spec.loader)
                return spec
        return None

    def _listen_to(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            vars(loader).pop("exec_module", None)
            self.runs = True
            try:
                execute(module)
            finally:
                self.runs = False
            self._arrived()

        loader.exec_module = exec_module

    def _arrived(self) -> None:
        """Tell it once, and leave."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            self.then()


def is_imported(name: str) -> bool:
    """Has the module run to its end? Neither one that is being imported nor a lazy one has."""
    module = sys.modules.get(name)
    if module is None or type(module).__name__ == "_LazyModule":
        return False
    spec = vars(module).get("__spec__")
    return spec is None or not getattr(spec, "_initializing", False)


@contextmanager
def when_imported(name: str, then: Callable[[], None]) -> Iterator[None]:
    """Call `then` as soon as the module `name` has been imported, now if it has been already.

    So a script still decides with which environment variables torch is loaded.
    """
    if is_imported(name):
        then()
        yield
        return
    waiting = _Waiting(name, then)
    sys.meta_path.insert(0, waiting)
    try:
        yield
    finally:
        if waiting in sys.meta_path:
            sys.meta_path.remove(waiting)
