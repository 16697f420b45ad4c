"""States that were loaded into a model before it was trained, and of which it took nothing."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn

from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind

_FEW = 0.1  # of the tensors given, and of those that the model holds


@dataclass(slots=True)
class Unloaded:
    """Watches `load_state_dict`; a later one that fits makes good for an earlier one."""

    over: bool = False  # a training has begun: what is loaded now is no start
    loaded: bool = False  # some state was
    _missed: WeakKeyDictionary[nn.Module, Habit] = field(default_factory=WeakKeyDictionary)

    def watch(self, stack: ExitStack) -> None:
        """Watch every module until the stack closes."""
        stack.enter_context(replaced(nn.Module, "load_state_dict", self._watch))

    def _watch(
        self, original: Any, module: nn.Module, state_dict: Any, *args: Any, **kwargs: Any
    ) -> Any:
        self.loaded = True
        if self.over or not isinstance(state_dict, Mapping):
            return original(module, state_dict, *args, **kwargs)
        own = dict((*module.named_parameters(), *module.named_buffers()))
        itself, given = _is_itself(state_dict, own), list(state_dict)
        result = original(module, state_dict, *args, **kwargs)
        strangers = getattr(result, "unexpected_keys", [])
        taken = 0 if itself else len(given) - len(strangers)
        if own and taken <= _FEW * min(len(given), len(own)):
            self._missed[module] = Habit(
                kind=Kind.UNLOADED,
                times=len(given) - taken,
                of=len(given),
                at=user_site(),
                names=(strangers[0], next(iter(own))) if strangers else (),
            )
        else:
            self._missed.pop(module, None)
        return result

    def habits(self, models: Mapping[str, nn.Module]) -> Iterator[Habit]:
        """Say what modules of these models, or modules that hold them, did not take."""
        parts = {id(m) for model in models.values() for m in model.modules()}
        for module, habit in self._missed.items():
            if any(id(m) in parts for m in module.modules()):
                yield habit


def _is_itself(given: Mapping[str, Any], own: Mapping[str, torch.Tensor]) -> bool:
    """Are all tensors the module's own? `state_dict()` returns no copies."""
    pairs = [(tensor, own.get(name)) for name, tensor in given.items()]
    return bool(pairs) and all(
        isinstance(a, torch.Tensor) and b is not None and a.data_ptr() == b.data_ptr() != 0
        for a, b in pairs
    )
