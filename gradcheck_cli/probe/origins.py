"""Where tensors came from: of each one the nearest calls; and where the loop itself takes outputs out of the graph."""

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_cli import ops
from gradcheck_cli.probe.calls import NOWHERE, Origin
from gradcheck_cli.records.trace import Cut, Layer
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


@dataclass(slots=True)
class LooseEnds:
    """Calls outside all modules that give back an output without its graph, and the layers behind it.

    Loops do this all the time to report a loss or an accuracy. It is a cut only where the layers
    behind it get no gradient on any other way. A comparison is one only where the loss is computed from it.
    """

    ends: dict[Cut, frozenset[str]] = field(default_factory=dict)

    def note(self, cut: Cut, makers: Iterable[int | str]) -> None:
        """Keep a call, and which layers computed what it was given."""
        behind = frozenset(m for m in makers if isinstance(m, str))
        self.ends[cut] = self.ends.get(cut, frozenset()) | behind

    def take(self, other: "LooseEnds") -> None:
        """Keep what another has noted too."""
        for cut, behind in other.ends.items():
            self.note(cut, behind)

    def cuts(self, layers: Iterable[Layer]) -> Iterator[Cut]:
        """Yield the calls behind which a parameter has `requires_grad=True` and never received a gradient."""
        silent = {
            x.path: x
            for x in layers
            if x.trainable and not any(p.reached for p in x.parameters if p.trainable)
        }
        for cut, behind in self.ends.items():
            if not behind or not behind <= silent.keys():
                continue
            used = any(silent[path].depth is not None for path in behind)
            if used or cut.operation not in ops.COMPARISONS:
                yield cut
