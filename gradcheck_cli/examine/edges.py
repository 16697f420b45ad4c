"""Do the edges of a batch of graphs join the nodes of all of them?"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from gradcheck_cli.examine.base import Said
from gradcheck_cli.examine.subject import Subject
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.rules.base import number

FEW = 0.25  # of the nodes: edges that each count from 0 reach those of the largest graph alone
ANEW = 0.5  # of the edges that join two nodes that no other one joins


def edges_join(subject: Subject) -> Iterator[Said]:
    """Say where edges reach few nodes and join the same ones again and again: the graphs' offsets are missing.

    Asked of whole numbers in two rows that name rows of a longer input, where there is an edge for every second node.
    """
    for name, reached, nodes in _reached(subject):
        share = reached / nodes
        yield Said(
            about="edges-join",
            outcome=Outcome.WRONG,
            said=f"the edges in {name} join {reached} of {nodes} nodes ({number(100 * share)} %), and the same ones again and "
            "again: add to the edges of each graph the number of nodes of the graphs before it",
            measured=100 * share,
            limit=100 * FEW,
            unit="%",
            supports=("mixed-samples",),
        )
        return


def _reached(subject: Subject) -> Iterator[tuple[str, int, int]]:
    """Yield inputs that are such edges in every batch, how many nodes the first one's reach, and of how many."""
    batches = [subject.inputs(b) for b in subject.batches]
    for name in batches[0]:
        found = [_nodes(inputs, name) for inputs in batches if name in inputs]
        if all(found) and (first := found[0]) is not None:
            yield name, *first


def _nodes(inputs: Mapping[str, Tensor], name: str) -> tuple[int, int] | None:
    edges = inputs[name]
    whole = not (edges.is_floating_point() or edges.is_complex() or edges.dtype == torch.bool)
    if (
        not whole
        or edges.ndim != 2
        or edges.shape[0] != 2
        or edges.shape[1] < 2
        or int(edges.min()) < 0
    ):
        return None
    many = edges.shape[1]
    nodes = max(
        (len(t) for n, t in inputs.items() if n != name and t.ndim and len(t) != many), default=0
    )
    if nodes <= int(edges.max()) or 2 * many < nodes:
        return None
    reached = int(edges.flatten().bincount().count_nonzero())
    few = reached <= FEW * nodes  # else, as of a large graph, its edges are not compared
    return (reached, nodes) if few and edges.unique(dim=1).shape[1] <= ANEW * many else None
