"""Everything that a training changes, taken from the live objects and put back into them.

Nothing of the user's is copied whole: only tensors are. Live objects keep their identity; what they
hold is exchanged. So a model whose parts refer to each other stays one model.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.replay.values import mapped
from gradcheck_cli.targets.graph import is_leaf
from gradcheck_cli.targets.kept import (
    LONG,
    container_of,
    held_in,
    is_array,
    is_lazy,
    refill,
    shallow,
)
from gradcheck_cli.targets.optimizers import held_by

_DEEP = 3  # levels of containers inside an attribute of a module
_LEVELS = 4  # and inside an optimizer: groups, group, parameters
_MUCH = 2  # a storage this many times larger than the tensor on it is not copied whole


@dataclass(slots=True)
class Holdings:
    """The live objects whose content belongs to a training."""

    modules: dict[int, nn.Module] = field(default_factory=dict)
    tensors: dict[int, Tensor] = field(default_factory=dict)
    objects: dict[int, Any] = field(default_factory=dict)  # optimizers and gradient scalers
    containers: dict[int, Any] = field(default_factory=dict)  # of the user's, written to by hooks

    def add_module(self, root: nn.Module) -> None:
        """Take in a module with all its parts and tensors."""
        for module in root.modules():
            if id(module) not in self.modules:
                self.modules[id(module)] = module
                for tensor in _tensors_of(module):
                    self.tensors[id(tensor)] = tensor

    def add_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Take in an optimizer and what it trains."""
        self.objects[id(optimizer)] = optimizer
        self.tensors |= {id(tensor): tensor for tensor in held_by(optimizer)}

    def take(self, new: "Holdings") -> None:
        """Take in other holdings."""
        for mine, theirs in _both(self, new):
            mine.update(theirs)

    @property
    def is_empty(self) -> bool:
        """Is there nothing?"""
        return not (self.modules or self.tensors or self.objects or self.containers)

    def without(self, known: "Holdings") -> "Holdings":
        """Return what is here and not there."""
        return Holdings(
            *(
                {k: v for k, v in mine.items() if k not in theirs}
                for mine, theirs in _both(self, known)
            )
        )


def _both(one: Holdings, other: Holdings) -> Iterator[tuple[dict[int, Any], dict[int, Any]]]:
    for name in ("modules", "tensors", "objects", "containers"):
        yield getattr(one, name), getattr(other, name)


@dataclass(slots=True)
class Content:
    """What a tensor holds: its memory, its gradient, whether it wants one."""

    tensor: Tensor
    data: Tensor
    grad: Tensor | None
    requires_grad: bool


@dataclass(slots=True)
class State:
    """What live objects hold at one moment, by reference."""

    contents: list[Content] = field(default_factory=list)
    containers: list[tuple[Any, Any]] = field(default_factory=list)  # the live one, what was in it
    objects: list[tuple[Any, type, dict[str, Any]]] = field(default_factory=list)

    @classmethod
    def of(cls, holdings: Holdings) -> "State":
        """Take what the objects hold now; nothing is copied, and it must not be written to while taken."""
        state = cls()
        for tensor in holdings.tensors.values():
            state.contents.append(Content(tensor, tensor.data, tensor.grad, tensor.requires_grad))
        for module in holdings.modules.values():
            state.containers += list(_containers(vars(module), _DEEP))
        for container in holdings.containers.values():
            state.containers.append((container, shallow(container)))
        state.objects = [(o, type(o), dict(vars(o))) for o in holdings.objects.values()]
        return state

    def copied(self, known: Container[int] = ()) -> "State":
        """Return a state with memory of its own; tensors that shared memory share it again.

        An optimizer goes on to hold the live tensors: those of this state and those `known` by id.
        """
        copies, arrays = Copies(), dict[int, Any]()
        contents = [
            Content(
                x.tensor,
                copies.of(x.data),
                None if x.grad is None else copies.of(x.grad),
                x.requires_grad,
            )
            for x in self.contents
        ]
        own = {id(x.tensor) for x in self.contents}

        def fresh(tensor: Any) -> Any:
            if id(tensor) in own or id(tensor) in known or not isinstance(tensor, Tensor):
                return tensor
            return copies.of(tensor.detach())

        objects = [(owner, kind, _copied(held, fresh)) for owner, kind, held in self.objects]
        return State(
            contents, [(live, _own_arrays(held, arrays)) for live, held in self.containers], objects
        )

    def and_also(self, other: "State") -> "State":
        """Return both states as one."""
        return State(
            [*self.contents, *other.contents],
            [*self.containers, *other.containers],
            [*self.objects, *other.objects],
        )

    def install(self) -> None:
        """Make the live objects hold this."""
        for container, held in self.containers:
            refill(container, held)
        for owner, kind, held in self.objects:
            if type(owner) is not kind:  # a change has made another optimizer of it
                owner.__class__ = kind
            refill(vars(owner), held)
        for x in self.contents:
            x.tensor.grad = None
            x.tensor.data = x.data
            if x.tensor.requires_grad != x.requires_grad and is_leaf(x.tensor):
                x.tensor.requires_grad_(x.requires_grad)
            if x.grad is not None:
                x.tensor.grad = x.grad

    @property
    def nbytes(self) -> int:
        """The memory of the tensors."""
        return sum(x.data.numel() * x.data.element_size() for x in self.contents)


@dataclass(slots=True)
class Copies:
    """Copies tensors; those on one memory get one copy of it."""

    storages: dict[int, torch.UntypedStorage] = field(default_factory=dict)

    def of(self, tensor: Tensor) -> Tensor:
        """Return a copy with the same strides."""
        if tensor.layout is not torch.strided or type(tensor) not in (Tensor, nn.Parameter):
            return tensor.detach().clone()
        storage = tensor.untyped_storage()
        if storage.nbytes() > _MUCH * tensor.numel() * tensor.element_size():
            return tensor.detach().clone()
        if storage.data_ptr() not in self.storages:
            self.storages[storage.data_ptr()] = storage.clone()
        new = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
        copy = self.storages[storage.data_ptr()]
        return new.set_(copy, tensor.storage_offset(), tensor.size(), tensor.stride())


def _tensors_of(module: nn.Module) -> Iterator[Tensor]:
    for value in held_in(module):
        if isinstance(value, Tensor) and is_leaf(value) and not is_lazy(value):
            yield value


def _containers(value: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """Yield the container and those inside it, each with its content."""
    held = container_of(value)
    if held is None:
        return
    yield held, shallow(held)
    if depth and len(held) <= LONG and not isinstance(held, set):
        for entry in held.values() if isinstance(held, dict) else held:
            yield from _containers(entry, depth - 1)


def _own_arrays(held: Any, copies: dict[int, Any]) -> Any:
    """Return the entries of a container, those that are arrays with memory of their own."""
    if isinstance(held, set) or len(held) > LONG:
        return shallow(held)
    entries = held.items() if isinstance(held, dict) else enumerate(held)
    own = {k: copies.setdefault(id(x), x.copy()) if is_array(x) else x for k, x in entries}
    return own if isinstance(held, dict) else list(own.values())


def _outer(value: Any, depth: int) -> Any:
    """Copy the containers, not what is in them."""
    if depth == 0 or not isinstance(value, dict | list):
        return value
    if isinstance(value, list):
        return type(value)([_outer(entry, depth - 1) for entry in value])
    twin = value.copy()
    for key, entry in value.items():
        twin[key] = _outer(entry, depth - 1)
    return twin


def _copied(held: dict[str, Any], fresh: Any) -> dict[str, Any]:
    """Return the content of an optimizer or scaler with tensors and containers of its own."""
    return {name: _outer(mapped(value, fresh), _LEVELS) for name, value in held.items()}


def added(modules: Iterable[nn.Module]) -> Holdings:
    """Return holdings of these modules."""
    holdings = Holdings()
    for module in modules:
        holdings.add_module(module)
    return holdings
