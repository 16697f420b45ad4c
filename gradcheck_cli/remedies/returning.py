"""Numbers that leave torch and come back, tried in memory as if they had never left."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from gradcheck_cli.ops import LEAVING
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.remedies.calls import Placed

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

    def forget(self) -> None:
        """Drop the tensors of this forward pass."""
        self._held = None
        self._left.clear()

    def handle(
        self, func: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Note what leaves on the line; hand on everywhere what comes back."""
        if name in LEAVING | DETACHING:
            if self.is_here():
                self._leaves(name, args[0])
        elif self._left:
            args, kwargs = tree_map_only(Tensor, self._returned, (args, kwargs))
        return func(*args, **kwargs)

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
