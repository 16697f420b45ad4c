"""Calls that make what is no number: of numbers, or in their backward pass, where their slope is infinite.

In steps that are not listened to, the graph is asked. It does not say which line made a node. An inspected
step does, of each call that may have no finite value or slope, and nodes of later graphs are numbered in
the order of the calls, too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_cli import ops
from gradcheck_cli.probe.hooking import transformed, unheard
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.trace import Cut
from gradcheck_cli.targets.graph import node_of

_OF_A_CALL = 16  # nodes of the graph that one call is made of
_BY_NUMBERS = frozenset("div div_ __truediv__ true_divide divide".split())  # have a slope then


@dataclass(slots=True)
class Slopes:
    """Listens, in one step, to the nodes of calls that have points without a finite slope."""

    steep: list[Cut] = field(default_factory=list)  # calls that have a value at such a point
    broken: dict[Cut, None] = field(
        default_factory=dict
    )  # calls that were at one, in backward's order
    nodes: list[tuple[str, Cut]] = field(default_factory=list)  # of all such calls, by their kind

    def saw(self, name: str, given: Sequence[torch.Tensor], result: Any, layer: str | None) -> None:
        """A call returned."""
        if name not in ops.SINGULAR or not isinstance(result, torch.Tensor) or transformed():
            return
        if name in _BY_NUMBERS and len(given) < 2:
            return
        call: Cut | None = None
        for node in _nodes(result, given):
            call = call or Cut(operation=name, layer=layer, at=user_site())
            self.nodes.append((node.name(), call))
            self.listen(node, call)

    def of(self, loss: torch.Tensor | None) -> list[Cut]:
        """Return the calls that were at one in a step of this loss; if that is no number, something came before."""
        return [] if self.broken and loss is not None and not _finite(loss) else [*self.broken]

    def listen(self, node: Any, call: Cut) -> None:
        """Note when the backward pass of this node of a call makes no numbers of numbers."""
        node.register_hook(unheard(self._hook(call)))

    def _hook(self, call: Cut) -> Any:
        def passed(after: Sequence[Any], before: Sequence[Any]) -> None:
            if call not in self.broken and _finite(*before) and not _finite(*after):
                self.broken[call] = None

        return passed


def _nodes(result: torch.Tensor, given: Sequence[torch.Tensor]) -> Iterator[Any]:
    """Yield the nodes between what a call was given and what it returned."""
    ends = {node_of(t) for t in given}
    todo, known = [node_of(result)], set[Any]()
    while todo and len(known) < _OF_A_CALL:
        node = todo.pop(0)
        if node is None or node in ends or node in known or not hasattr(node, "next_functions"):
            continue
        known.add(node)
        todo += [] if _holds(node) else [n for n, _ in node.next_functions]
        if not _holds(node):
            yield node


def _holds(node: Any) -> bool:
    """Does a parameter collect its gradient there?"""
    return hasattr(node, "variable")


_MOST = 5_000  # nodes of a graph
_HUGE = 1e9  # numbers of such a size have exploded before: that a call overflows at them is not its fault


@dataclass(slots=True)
class Makers:
    """Looks at each loss, on the CPU, of a training that has such calls, until one is no number."""

    forward: Cut | None = None  # the call that made no number of numbers
    slopes: Slopes = field(default_factory=Slopes)  # whose backward pass did
    _known: dict[str, list[Cut]] = field(default_factory=dict)  # calls, by the kind of their nodes
    _over: bool = False

    @property
    def looks(self) -> bool:
        """Is the loss of a step looked at that is not listened to?"""
        return bool(self._known) and not self._over

    def _learn(self, nodes: Iterable[tuple[str, Cut]]) -> None:
        """Calls of an inspected step made these nodes, in this order; other ones than before are not told apart."""
        kinds: dict[str, list[Cut]] = {}
        for kind, call in nodes:
            kinds.setdefault(kind, []).append(call)
        for kind, calls in kinds.items():
            before = self._known.setdefault(kind, calls)
            if before != calls and len({*before, *calls}) != 1:
                self._known[kind] = []

    @unheard
    @torch.no_grad()
    def begins(
        self, roots: Sequence[torch.Tensor], nodes: Iterable[tuple[str, Cut]] | None
    ) -> None:
        """A backward pass begins, in a step whose calls made these nodes, if it is listened to."""
        listened = nodes is not None
        if nodes is not None and not self._over:
            self._learn(nodes)
        if self._over or not self._known or len(roots) != 1 or roots[0].device.type != "cpu":
            return
        finite = bool(roots[0].isfinite().all())
        if finite and listened:
            return
        graph = _graph(roots[0])
        placed = list(self._placed(graph))
        if finite:
            for node, call in placed:
                self.slopes.listen(node, call)
            return
        self._over = True
        calls = dict(placed)
        for node in graph:
            given, made = _held(node, calls.get(node))
            if not _finite(*given, *made):
                self.forward = calls.get(node) if _finite(*given) and not _huge(*given) else None
                return

    def _placed(self, graph: Sequence[Any]) -> Iterator[tuple[Any, Cut]]:
        """Yield the nodes that are known calls, in their order."""
        alike: dict[str, list[Any]] = {}
        for node in graph:
            if node.name() in self._known:
                alike.setdefault(node.name(), []).append(node)
        for kind, nodes in alike.items():
            calls = self._known[kind]
            if len({*calls}) == 1:
                yield from ((node, calls[0]) for node in nodes)
            elif len(calls) == len(nodes):
                yield from zip(nodes, calls, strict=True)


def _graph(root: torch.Tensor) -> list[Any]:
    """Return the nodes behind a loss, in the order in which they were made; none of a graph that is too large."""
    todo, known = [node_of(root)], set[Any]()
    while todo:
        node = todo.pop()
        if node is not None and node not in known:
            known.add(node)
            if len(known) > _MOST:
                return []
            todo += [n for n, _ in node.next_functions]
    # Leaves have no number: they come first.
    return sorted(known, key=lambda n: -1 if hasattr(n, "variable") else n._sequence_nr())  # noqa: SLF001 - no public way to ask


def _held(node: Any, call: Cut | None) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return what a node was given and what its call made of it, as far as it holds it."""
    if hasattr(node, "variable"):
        return [node.variable], []
    held = {n: getattr(node, n) for n in dir(node) if n.startswith("_saved_")}
    tensors = {n: t for n, t in held.items() if isinstance(t, torch.Tensor)}
    result = tensors.pop("_saved_result", None)
    if result is None and call is not None and _finite(*tensors.values()):
        result = _made(call.operation.strip("_"), tensors, held.get("_saved_exponent"))
    return list(tensors.values()), [] if result is None else [result]


def _made(name: str, held: dict[str, torch.Tensor], exponent: Any) -> torch.Tensor | None:
    """Return the result once more, where it is made of what the node holds alone."""
    given, other = held.get("_saved_self"), held.get("_saved_other")
    if "div" in name and other is not None:
        return (1 if given is None else given) / other
    if given is None or len(held) > 1 or (name == "pow") is not isinstance(exponent, (int, float)):
        return None
    if name == "pow":
        return torch.pow(given, exponent)
    function: Callable[[torch.Tensor], torch.Tensor] | None = getattr(torch, name, None)
    return None if function is None else function(given)


def _huge(*tensors: torch.Tensor) -> bool:
    return any(
        t.is_floating_point() and t.numel() and float(t.abs().max()) > _HUGE for t in tensors
    )


def _finite(*held: Any) -> bool:
    return all(bool(t.isfinite().all()) for t in held if isinstance(t, torch.Tensor))
