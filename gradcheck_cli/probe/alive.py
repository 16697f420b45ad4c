"""The modules that are alive: searched among all objects once, and followed from then on.

A process that has imported the compiler holds 400,000 objects; a search takes as long as twenty steps
of a small training.
"""

import gc
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.shield import shielded


@dataclass(slots=True)
class Alive:
    """Returns all modules that hold something; searches them while it does not follow.

    It follows by torch's hooks: a patch of `nn.Module.__init__` would break graphs of torch.compile.
    """

    none_yet: bool = False  # torch was imported just now: no module was made before
    _refs: dict[int, weakref.ref[nn.Module]] = field(default_factory=dict)  # by id of the module
    _follows: bool = False

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Inside, nothing is searched any more."""
        for module in () if self.none_yet else searched():
            self._note(module)
        self._follows = True
        with ExitStack() as stack:
            stack.callback(self._refs.clear)
            stack.callback(setattr, self, "_follows", False)
            stack.callback(register_module_module_registration_hook(self._note).remove)
            stack.callback(register_module_parameter_registration_hook(self._note).remove)
            stack.enter_context(replaced(nn.Module, "__setstate__", self._noting))
            yield

    def __call__(self, known: nn.Module | None = None) -> list[nn.Module]:
        """Return them; `known` is one of them, however it was made."""
        found = [m for ref in list(self._refs.values()) if (m := ref()) is not None]
        if not self._follows or (known is not None and all(m is not known for m in found)):
            return searched()
        return [m for m in found if _is_whole(m)]

    @shielded
    def _note(self, module: nn.Module, *_: Any) -> None:
        self._refs[id(module)] = weakref.ref(module)

    def _noting(self, original: Any, module: nn.Module, state: Any) -> None:
        """Return what is called of every module that is copied or unpickled."""
        self._note(module)
        original(module, state)


def searched() -> list[nn.Module]:
    """Search all objects."""
    return [x for x in gc.get_objects() if issubclass(type(x), nn.Module) and _is_whole(x)]


def _is_whole(module: nn.Module) -> bool:
    """Was `nn.Module.__init__` called? Without it nothing can be asked of it."""
    return "_modules" in vars(module) and "_parameters" in vars(module)
