"""Everything that an experiment may move, taken down and put back bit for bit."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from gradcheck_cli.targets.graph import is_leaf
from gradcheck_cli.targets.optimizers import held_by
from gradcheck_cli.targets.randomness import State, capture

_PLAIN = (
    Tensor,
    int,
    float,
    bool,
    str,
    type(None),
)  # attributes a forward may write: a hidden state


@dataclass(frozen=True, slots=True)
class _OfModule:
    module: nn.Module
    training: bool
    tables: tuple[tuple[dict[str, Any], dict[str, Any]], ...]  # registered tensors, as they were
    plain: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _OfTensor:
    tensor: Tensor
    value: Tensor
    requires_grad: bool
    grad: Tensor | None
    grad_value: Tensor | None


@dataclass(slots=True)
class Snapshot:
    """Weights, buffers, gradients, flags, modes and optimizer state of a training, and its chance."""

    modules: Sequence[nn.Module]
    optimizers: Sequence[Optimizer]
    _modules: list[_OfModule] = field(default_factory=list)
    _tensors: list[_OfTensor] = field(default_factory=list)
    _optimizers: list[tuple[Optimizer, dict[Any, Any], list[dict[str, Any]]]] = field(
        default_factory=list
    )
    _chance: State | None = None

    def __post_init__(self) -> None:
        parts = {id(m): m for root in self.modules for m in root.modules()}
        self._modules = [_of_module(part) for part in parts.values()]
        registered = (
            tensor
            for part in parts.values()
            for table in (part._parameters, part._buffers)  # noqa: SLF001
            for tensor in table.values()
            if tensor is not None
        )
        held = held_by(*self.optimizers)
        tensors = {id(tensor): tensor for tensor in (*registered, *held)}
        self._tensors = [_of_tensor(tensor) for tensor in tensors.values()]
        self._optimizers = [(o, _copied(o.state), _groups(o)) for o in self.optimizers]
        self._chance = capture()

    def restore(self) -> None:
        """Put everything back; the tensors stay the same objects."""
        for kept in self._modules:
            kept.module.training = kept.training
            for table, before in kept.tables:
                table.clear()
                table.update(before)
            kept.module.__dict__.update(kept.plain)
        for entry in self._tensors:
            entry.tensor.data.copy_(entry.value)
            if is_leaf(entry.tensor):
                entry.tensor.requires_grad_(entry.requires_grad)
                entry.tensor.grad = entry.grad
            if entry.grad is not None and entry.grad_value is not None:
                entry.grad.data.copy_(entry.grad_value)
        for optimizer, state, groups in self._optimizers:
            optimizer.state.clear()
            optimizer.state.update(_copied(state))
            for group, before in zip(optimizer.param_groups, groups, strict=True):
                group.update(copy.copy(before))
        if self._chance is not None:
            self._chance.restore()


@contextmanager
def restored(modules: Sequence[nn.Module], optimizers: Sequence[Optimizer]) -> Iterator[None]:
    """Leave everything as it was, whatever happens inside."""
    before = Snapshot(modules, optimizers)
    try:
        yield
    finally:
        before.restore()


def _of_module(module: nn.Module) -> _OfModule:
    # A compiled TorchScript module keeps its tables elsewhere; nothing is registered anew in them.
    held: tuple[Any, Any] = (module._parameters, module._buffers)  # noqa: SLF001
    tables = [table for table in held if isinstance(table, dict)]
    plain = {
        name: value
        for name, value in module.__dict__.items()
        if isinstance(value, _PLAIN) and name != "training"
    }
    return _OfModule(
        module, module.training, tuple((table, dict(table)) for table in tables), plain
    )


def _of_tensor(tensor: Tensor) -> _OfTensor:
    grad = tensor.grad if is_leaf(tensor) else None
    return _OfTensor(
        tensor,
        tensor.detach().clone(),
        tensor.requires_grad,
        grad,
        None if grad is None else grad.detach().clone(),
    )


def _groups(optimizer: Optimizer) -> list[dict[str, Any]]:
    return [
        {name: _copied(value) for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]


def _copied(value: Any) -> Any:
    """Return a copy in which tensors are clones; the keys of an optimizer's state stay."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_copied(entry) for entry in value)
    return copy.copy(value)
