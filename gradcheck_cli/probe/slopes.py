"""Calls whose backward pass makes what is no number out of gradients that are: their slope is infinite there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from gradcheck_cli import ops
from gradcheck_cli.probe.hooking import transformed, unheard
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.trace import Cut
from gradcheck_cli.targets.graph import node_of

_MOST = 16  # nodes of the graph that one call is made of
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
        return [] if self.broken and loss is not None and not _finite([loss]) else [*self.broken]

    def listen(self, node: Any, call: Cut) -> None:
        """Note when the backward pass of this node of a call makes no numbers of numbers."""
        node.register_hook(unheard(self._hook(call)))

    def _hook(self, call: Cut) -> Any:
        def passed(after: Sequence[Any], before: Sequence[Any]) -> None:
            if call not in self.broken and _finite(before) and not _finite(after):
                self.broken[call] = None

        return passed


def _nodes(result: torch.Tensor, given: Sequence[torch.Tensor]) -> Iterator[Any]:
    """Yield the nodes between what a call was given and what it returned."""
    ends = {node_of(t) for t in given}
    todo, known = [node_of(result)], set[Any]()
    while todo and len(known) < _MOST:
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


def _finite(gradients: Sequence[Any]) -> bool:
    return all(bool(g.isfinite().all()) for g in gradients if isinstance(g, torch.Tensor))
