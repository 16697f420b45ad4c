"""Which targets were computed by a network: of a bootstrapped loss, of a teacher, of pseudo-labels.

Whatever is computed from a parameter without a graph is made by a network, and so is what is computed
from that. Whether the network stands still tells a fixed teacher, whose targets are data, from one that
moves with the training, so that the size of the loss says nothing.
"""

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gradcheck_cli.probe.calls import tensors_in
from gradcheck_cli.probe.picking import plain

_MOST = 20_000  # tensors that are followed
# Results that take only their shape, type or place from the other arguments.
_OF_THE_FIRST = frozenset(
    "__getitem__ gather index_select take_along_dim masked_select view_as expand_as reshape_as type_as to "
    "masked_fill masked_fill_ clamp".split()
)
_OF_NONE = frozenset(
    "zeros_like ones_like full_like empty_like rand_like randn_like randint_like".split()
)


def sources(name: str, given: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return the arguments of a call whose numbers are in its result."""
    if name in _OF_NONE or name.startswith("new_"):
        return []
    if name == "where":
        return given[1:]
    return given[:1] if name in _OF_THE_FIRST else given


@dataclass(slots=True)
class Made:
    """Tensors without a graph that were computed from parameters, as far as they were seen."""

    parameters: dict[int, "weakref.ref[torch.Tensor]"] = field(default_factory=dict)
    _marks: dict[int, tuple["weakref.ref[torch.Tensor]", frozenset[int]]] = field(
        default_factory=dict
    )

    def by(self, tensor: torch.Tensor) -> frozenset[int]:
        """Return the identities of the parameters that `tensor` was computed from."""
        entry = self._marks.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else frozenset()

    def overhears(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """A call returned that nobody else listens to."""
        name = getattr(function, "__name__", "")
        if name != "__get__":
            self.saw(name, args, [*tensors_in(args), *tensors_in(kwargs)], result)

    def saw(self, name: str, args: tuple[Any, ...], given: list[torch.Tensor], result: Any) -> None:
        """A call returned."""
        if name == "__setitem__":
            if isinstance(args[-1], torch.Tensor):
                self._mark(args[0], self.by(args[-1]) | self.by(args[0]))
        elif name == "broadcast_tensors":
            for before, after in zip(given, result, strict=False):
                self._mark(after, self.by(before))
        else:
            results = (result,) if isinstance(result, torch.Tensor) else result
            if isinstance(results, (tuple, list)):
                free = [t for t in results if isinstance(t, torch.Tensor) and not t.requires_grad]
                source = self._source(sources(name, given)) if free else frozenset()
                for tensor in free:
                    self._mark(tensor, source)

    def _source(self, given: list[torch.Tensor]) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for tensor in given:
            if isinstance(tensor, nn.Parameter):
                self.parameters.setdefault(id(tensor), weakref.ref(tensor))
                found |= {id(tensor)}
            else:
                found |= self.by(tensor)
        return found

    def _mark(self, tensor: torch.Tensor, source: frozenset[int]) -> None:
        if not source or tensor.dtype is torch.bool or isinstance(tensor, nn.Parameter):
            return
        if len(self._marks) >= _MOST:
            self._marks = {k: v for k, v in self._marks.items() if v[0]() is not None}
        if len(self._marks) < _MOST:
            self._marks[id(tensor)] = (weakref.ref(tensor), source)

    def known(self, identities: Iterable[int]) -> Iterator[torch.Tensor]:
        """Yield the parameters that are still alive."""
        for identity in identities:
            reference = self.parameters.get(identity)
            parameter = reference() if reference is not None else None
            if parameter is not None:
                yield parameter


@dataclass(slots=True)
class Prelude:
    """Listens between two steps, from the first call of a network without a graph on.

    Targets are often computed before the forward pass that a step begins with. After `left` calls it
    hears no more.
    """

    made: Made
    open: bool = True
    deaf: bool = False
    left: int = 5_000

    def saw(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
    ) -> None:
        """A call returned."""
        self.made.overhears(function, args, kwargs, result)
        self.left -= 1
        self.open = self.left > 0

    def overhears(self, *_: Any) -> None:
        """Enough was heard."""

    def backward_begins(self, loss: torch.Tensor) -> None:
        """It begins in no step."""


@dataclass(slots=True)
class Teachers:
    """Do the networks that computed the targets change?"""

    moving: bool = False
    _prints: dict[int, tuple["weakref.ref[torch.Tensor]", float]] = field(default_factory=dict)

    def look(self, parameters: Iterable[torch.Tensor]) -> None:
        """These computed the targets of a step."""
        for parameter in list(parameters)[:_READ]:
            if self.moving:
                return
            if parameter.requires_grad and parameter.grad is not None:
                self.moving = True
                return
            now = float(plain(parameter).reshape(-1)[:_NUMBERS].double().abs().sum())
            before = self._prints.setdefault(id(parameter), (weakref.ref(parameter), now))
            if before[0]() is parameter and before[1] != now:
                self.moving = True


_READ = 64  # parameters looked at in a step
_NUMBERS = 256  # of each
