"""Outputs that make penalties, as those of a variational autoencoder do, in loops of one's own."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.inputs_used import inputs_used
from gradcheck_cli.examine.pulls import pulls
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Verdict
from tests.examine.loops import answered, reported

KINDS = 3 * torch.randn(4, 10, generator=torch.Generator().manual_seed(0))


class Coder(nn.Module):
    """Codes what it is given as a mean and a deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return both."""
        mean, spread = self.inner(x).chunk(2, 1)
        return mean, spread


class Whole(nn.Module):
    """A coder and what reads the code, in one."""

    def __init__(self) -> None:
        super().__init__()
        self.coder, self.reader = Coder(), nn.Linear(2, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what is read, and the code."""
        mean, spread = self.coder(x)
        return self.reader(drawn(mean, spread)), mean, spread


def drawn(mean: Tensor, spread: Tensor) -> Tensor:
    """Draw a code."""
    return mean + (0.5 * spread).exp() * torch.randn_like(mean)


def in_one(model: Whole, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """One call."""
    return model(x)


def in_two(model: Whole, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The loop calls the parts, and draws."""
    mean, spread = model.coder(x)
    return model.reader(drawn(mean, spread)), mean, spread


@pytest.mark.parametrize("calls", [in_one, in_two])
@pytest.mark.parametrize(("weight", "expected"), [(300.0, Outcome.WRONG), (0.1, Outcome.FINE)])
def test_a_divergence_that_drowns_the_data(
    calls: Callable[[Whole, Tensor], tuple[Tensor, Tensor, Tensor]],
    weight: float,
    expected: Outcome,
) -> None:
    model = Whole()

    def loss() -> Tensor:
        x = KINDS[torch.randint(4, (32,))] + torch.randn(32, 10)
        again, mean, spread = calls(model, x)
        divergence = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean()
        return functional.mse_loss(again, x, reduction="sum") / 32 + weight * divergence

    found = answered(model, loss, against_constant, pulls)
    assert found["penalty-pull"].outcome is expected
    assert found["against-constant"].outcome is not Outcome.SKIPPED


@pytest.mark.heavy
@pytest.mark.parametrize("turned", [True, False])
def test_a_divergence_with_the_wrong_sign(*, turned: bool) -> None:
    model, sign = Whole(), -1.0 if turned else 1.0

    def loss() -> Tensor:
        x = KINDS[torch.randint(4, (32,))] + torch.randn(32, 10)
        again, mean, spread = in_one(model, x)
        divergence = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean()
        return functional.mse_loss(again, x, reduction="sum") / 32 + 0.5 * sign * divergence

    said = reported(model, loss)
    names = [cause.name for cause in said.causes]
    if turned:
        assert names[0] == "loss-without-bound"
        assert "signs of penalties" in said.causes[0].reasons[0]
        assert "penalties are added" in said.fixes[0].summary
    else:
        assert said.verdict is Verdict.HEALTHY


def test_the_input_of_an_autoencoder_is_an_input_too() -> None:
    model = nn.Sequential(nn.Linear(10, 3), nn.Linear(3, 10))

    def loss() -> Tensor:
        x = torch.randn(16, 10)
        return functional.mse_loss(model(x), x)

    assert answered(model, loss, inputs_used)[inputs_used.name].outcome is Outcome.FINE


class Graph(nn.Module):
    """Adds to each row of nodes those that edges lead from; or to all graphs of it, one."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        self.pooled, self.layer = pooled, nn.Linear(4, 2)

    def forward(self, nodes: Tensor, edges: Tensor) -> Tensor:
        sums = nodes.index_add(0, edges[1], nodes[edges[0]])
        return self.layer(sums.mean(0, keepdim=True) if self.pooled else sums)


@pytest.mark.parametrize("pooled", [False, True])
def test_the_two_ends_of_edges_are_no_samples(pooled: bool) -> None:
    model = Graph(pooled=pooled)
    one = torch.randint(12, (2, 20))
    edges = torch.cat([one, one.flip(0)], 1)

    def loss() -> Tensor:
        nodes = torch.randn(12, 4)
        output = model(nodes, edges)
        return functional.mse_loss(output, nodes[: len(output), :2])

    assert answered(model, loss, inputs_used)[inputs_used.name].outcome is Outcome.FINE


def test_of_two_outputs_with_targets_none_is_taken_for_the_main_one() -> None:
    model = Coder()

    def loss() -> Tensor:
        mean, spread = model(torch.randn(16, 10))
        more = functional.mse_loss(spread, torch.randn(16, 2))
        return functional.mse_loss(mean, torch.randn(16, 2)) + more

    answer = answered(model, loss, against_constant)[against_constant.name]
    assert answer.outcome is Outcome.SKIPPED
    assert "2 outputs" in answer.reason
