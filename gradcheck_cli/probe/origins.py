"""Where tensors came from: of each one the nearest calls, as long as it lives."""

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_cli.probe.calls import NOWHERE, Origin
from gradcheck_cli.targets.graph import node_of

# FSDP hands a module copies of its inputs, made by this function, which no function mode sees.
_WRAPPING = "RegisterPostBackward"


@dataclass(slots=True)
class Origins:
    """What is known of the tensors of one forward pass; none of them is kept alive.

    `parameter_names` maps id(parameter) to (its name, its layer).
    """

    parameter_names: dict[int, tuple[str, str]]
    _of: dict[int, tuple[weakref.ref[torch.Tensor], Origin]] = field(default_factory=dict)
    _nodes: dict[Any, Origin] = field(default_factory=dict)  # by the node of the graph that made it

    def of(self, tensor: torch.Tensor) -> Origin:
        """Return what is known about where `tensor` came from."""
        entry = self._of.get(id(tensor))
        if entry is not None and entry[0]() is tensor:
            return entry[1]
        named = self.parameter_names.get(id(tensor))
        if named:
            return Origin(parameter=named[0])
        node = node_of(tensor)
        if node is not None and type(node).__name__.startswith(_WRAPPING):
            before = [self._nodes[n] for n, _ in node.next_functions if n in self._nodes]
            return Origin(frozenset().union(*(o.calls for o in before)))
        return NOWHERE

    def note(self, tensor: torch.Tensor, origin: Origin) -> None:
        """Note where `tensor` came from."""
        self._of[id(tensor)] = (weakref.ref(tensor), origin)
        if (node := node_of(tensor)) is not None:
            self._nodes[node] = origin

    def reads(self, tensors: Iterable[torch.Tensor]) -> frozenset[int]:
        """Return the calls that any of the tensors came from."""
        return frozenset().union(*(self.of(t).calls for t in tensors))

    def clear(self) -> None:
        """Forget everything."""
        self._of.clear()
        self._nodes.clear()
