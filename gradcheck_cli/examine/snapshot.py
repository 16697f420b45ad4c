"""Everything that an experiment may move, taken down and put back bit for bit."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from gradcheck_cli.targets.graph import is_leaf
from gradcheck_cli.targets.kept import restores_of
from gradcheck_cli.targets.optimizers import held_by
from gradcheck_cli.targets.randomness import State, capture


@dataclass(frozen=True, slots=True)
class _OfTensor:
    tensor: Tensor
    value: Tensor
    requires_grad: bool
    grad: Tensor | None
    grad_value: Tensor | None


@dataclass(slots=True)
class Snapshot:
    """Weights, buffers, attributes, gradients, modes and optimizer state of a training, and its chance."""

    modules: Sequence[nn.Module]
    optimizers: Sequence[Optimizer]
    _restores: list[Callable[[], object]] = field(default_factory=list)
    _tensors: list[_OfTensor] = field(default_factory=list)
    _optimizers: list[tuple[Optimizer, dict[Any, Any], list[dict[str, Any]]]] = field(
        default_factory=list
    )
    _chance: State | None = None

    def __post_init__(self) -> None:
        parts = {id(m): m for root in self.modules for m in root.modules()}
        self._restores = [again for part in parts.values() for again in restores_of(part)]
        registered = (p for part in parts.values() for p in part.parameters(recurse=False))
        held = held_by(*self.optimizers)
        tensors = {id(tensor): tensor for tensor in (*registered, *held)}
        self._tensors = [_of_tensor(tensor) for tensor in tensors.values()]
        self._optimizers = [(o, _copied(o.state), _groups(o)) for o in self.optimizers]
        self._chance = capture()

    def restore(self) -> None:
        """Put everything back; the tensors stay the same objects."""
        for again in self._restores:
            again()
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
