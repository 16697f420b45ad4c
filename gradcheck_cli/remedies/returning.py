"""Calls that lose the graph, tried in memory as if they kept it: numbers that come back, choices."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.calls import Placed, name_of

LEAVING = frozenset({"numpy", "numpy_force", "tolist", "array"})  # a tensor becomes plain numbers
DETACHING = frozenset({"detach", "data"})


class RoundTrip(Placed):
    """While active, numbers that left torch on this line and come back unchanged keep their graph.

    A tensor without a graph that any call is given is taken for the one that left when it has its
    shape and its numbers. Numbers that were changed on the way stay without a graph.
    """

    def __init__(self, site: SourceSite) -> None:
        super().__init__(site)
        self._held: Tensor | None = None  # what was detached on the line
        self._left: list[Tensor] = []

    def __exit__(self, *raised: object) -> None:
        """Forget the tensors of this forward pass."""
        self._held = None
        self._left.clear()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Note what leaves on the line; hand on everywhere what comes back."""
        name = name_of(func)
        if name in LEAVING | DETACHING:
            if self.is_here():
                self._leaves(name, args[0])
        elif self._left:
            args, kwargs = tree_map_only(Tensor, self._returned, (args, kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _leaves(self, name: str, value: Tensor) -> None:
        if name in DETACHING:
            self._held = value
        elif value.requires_grad:
            self._left.append(value)
        elif self._held is not None:
            self._left.append(self._held)
            self._held = None

    def _returned(self, value: Tensor) -> Tensor:
        if value.requires_grad or not value.is_floating_point():
            return value
        for source in self._left:
            if _same(value, source):
                return source.to(value.dtype)
        return value


def _same(value: Tensor, source: Tensor) -> bool:
    return (
        value.shape == source.shape
        and value.device == source.device
        and torch.equal(value, source.detach().to(value.dtype))
    )


class HardChoice(Placed):
    """While active, the one-hot code of an argmax on this line has the gradient of a softmax.

    Forward it is 1 for the largest number and 0 for the others, as written (straight-through; Jang et
    al. 2017, arXiv:1611.01144, section 2.2, without the noise).
    """

    def __init__(self, site: SourceSite) -> None:
        super().__init__(site)
        self._chosen: list[tuple[Tensor, Tensor]] = []  # indices, and the softmax they stand for

    def __exit__(self, *raised: object) -> None:
        """Forget the tensors of this forward pass."""
        self._chosen.clear()
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Note what is chosen on the line, and soften its one-hot code."""
        result = func(*args, **(kwargs or {}))
        name = name_of(func)
        if name in {"argmax", "argmin"} and args and self.is_here():
            sign = 1 if name == "argmax" else -1
            soft = _softmax(sign * args[0], *args[1:], **(kwargs or {}))
            if soft is not None:
                self._chosen.append((result, soft))
        elif name == "one_hot" and args:
            return _softened(result, args[0], self._chosen)
        return result


def _softmax(
    value: Tensor, dim: int | None = None, keepdim: object = None, **_: object
) -> Tensor | None:
    """Return the softmax with its classes last, as one_hot has them; None where all compete."""
    if dim is None:
        return None
    soft = value.softmax(dim).movedim(dim, -1)
    return soft.unsqueeze(dim if dim >= 0 else dim - 1) if keepdim else soft


def _softened(hard: Tensor, indices: Tensor, chosen: Iterable[tuple[Tensor, Tensor]]) -> Tensor:
    for noted, soft in chosen:
        if noted is indices and soft.shape == hard.shape:
            return hard.to(soft.dtype) + soft - soft.detach()
    return hard
