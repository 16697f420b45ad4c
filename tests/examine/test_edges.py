"""Batches of graphs: whose edges join nodes of their own graph, and twins that all count from 0."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.inputs_used import inputs_used
from gradcheck_cli.records.examination import Outcome
from tests.examine.loops import answered, reported

GRAPHS, NODES = 24, 6


class Neighbors(nn.Module):
    """One round of messages, and the mean over the nodes of each graph."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.own, self.given, self.head = nn.Linear(3, 32), nn.Linear(3, 32), nn.Linear(32, 1)

    def forward(self, x: Tensor, edges: Tensor, graph: Tensor) -> Tensor:
        """Return a number for each graph."""
        came = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]])
        h = torch.relu(self.own(x) + self.given(came))
        return self.head(torch.zeros(GRAPHS, 32).index_add(0, graph, h) / NODES)[:, 0]


def batch(kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return nodes, edges and the graph of each node."""
    x, graph = torch.randn(GRAPHS * NODES, 3), torch.arange(GRAPHS).repeat_interleave(NODES)
    if kind == "one graph":
        return x, torch.randint(len(x), (2, 3 * len(x))), graph
    if kind == "few nodes are joined":  # a graph whose other nodes stand alone
        return x, torch.randint(len(x) // 5, (2, len(x) // 4)), graph
    edges = torch.randint(NODES, (GRAPHS, 2, 2 * NODES))
    if kind == "offset":
        edges += NODES * torch.arange(GRAPHS)[:, None, None]
    return x, edges.transpose(0, 1).flatten(1), graph


@pytest.mark.parametrize("kind", ["no offset", "offset", "one graph", "few nodes are joined"])
def test_edges_that_all_count_from_zero(kind: str) -> None:
    model = Neighbors()

    def loss() -> Tensor:
        x, edges, graph = batch(kind)
        return functional.mse_loss(model(x, edges, graph), torch.randn(GRAPHS))

    found = answered(model, loss, inputs_used)
    assert ("edges-join" in found) is (kind == "no offset")
    if kind == "no offset":
        assert found["edges-join"].outcome is Outcome.WRONG
        assert "join 6 of 144 nodes (4.17 %)" in found["edges-join"].said


def test_the_cause_is_that_samples_mix() -> None:
    model = Neighbors()

    def loss() -> Tensor:
        x, edges, graph = batch("no offset")
        sums = torch.zeros(GRAPHS).index_add(0, graph, x[:, 0] * x.roll(1, 0)[:, 0])
        return functional.mse_loss(model(x, edges, graph), sums)

    assert [c.name for c in reported(model, loss).causes[:1]] == ["mixed-samples"]
