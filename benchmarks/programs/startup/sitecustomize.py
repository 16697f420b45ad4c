"""Is on the path of every program: fixes the entropy of `random`, NumPy and torch, and imports nothing."""

import random
import secrets
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any


def randbits(k: int) -> int:
    """Return the same number in any order of calls, so that a generator more or less changes nothing."""
    return 20_261_128 % (1 << k)


class Seeding(Loader):
    """Loads torch as its own loader does, then seeds it, which by itself it does from the system."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def create_module(self, spec: ModuleSpec) -> Any:
        """Return what the inner loader makes."""
        return self.inner.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """Run it, then seed."""
        module.__spec__.loader = module.__loader__ = self.inner
        self.inner.exec_module(module)
        module.manual_seed(0)
        random.seed(0)  # again: what was imported before may have drawn, as rich does


class Finder(MetaPathFinder):
    """Finds torch alone, until it was loaded."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return the spec of torch with such a loader."""
        if name != "torch" or "torch" in sys.modules:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = Seeding(spec.loader)
        return spec


secrets.randbits = randbits
random.seed(0)
sys.meta_path.insert(0, Finder())
