"""Draws and detached codes that hand no gradient on: each with its healthy twin."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, LogNormal, Normal, kl_divergence
from torch.nn import functional

from gradcheck_cli.examine import battery
from gradcheck_cli.examine.draws import draws
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report, Verdict
from tests.examine.loops import answered, reported

Draw = Callable[[Distribution], Tensor]
STANDARD = Normal(0.0, 1.0)
CHANCE = torch.Generator().manual_seed(0)
SERIES = torch.randn(64, 4, generator=CHANCE) @ torch.randn(4, 16, generator=CHANCE)


class Coder(nn.Module):
    """A variational autoencoder; `draw` makes a code of the distribution."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.encoder, self.decoder, self.draw = nn.Linear(16, 8), nn.Linear(4, 16), draw

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the reconstruction, and the divergence of the codes."""
        mean, spread = self.encoder(x).chunk(2, 1)
        made = Independent(Normal(mean, (spread - 2).exp()), 1)
        divergence = kl_divergence(made.base_dist, STANDARD).sum(1).mean()
        return self.decoder(self.draw(made)), 1e-2 * divergence


class Uncertain(nn.Module):
    """A layer whose weights are drawn anew in each pass."""

    def __init__(self, draw: Draw) -> None:
        super().__init__()
        self.mean, self.draw = nn.Parameter(torch.randn(16, 16) / 4), draw
        self.last = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs, and what the spread of the weights costs."""
        weights = self.draw(Independent(Normal(self.mean, 0.01), 2))
        return self.last(functional.linear(x, weights).relu()), 1e-4 * self.mean.square().sum()


def by_sample(made: Distribution) -> Tensor:
    return made.sample()


def by_rsample(made: Distribution) -> Tensor:
    return made.rsample()


def detached(made: Distribution) -> Tensor:
    return made.rsample().detach()


def by_numbers(made: Distribution) -> Tensor:
    return torch.tensor(made.rsample().tolist())


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged here does not depend on how fast this machine is."""
    monkeypatch.setattr(battery, "SECONDS", dict.fromkeys(battery.SECONDS, 60.0))


def trained(kind: Callable[[Draw], nn.Module], draw: Draw) -> Report:
    torch.manual_seed(0)
    model = kind(draw)

    def loss() -> Tensor:
        made, more = model(SERIES)
        return functional.mse_loss(made, SERIES) + more

    return reported(model, loss)


@pytest.mark.heavy
@pytest.mark.parametrize("draw", [by_sample, detached, by_numbers])
def test_a_draw_that_hands_no_gradient_on_is_named_first_with_its_line(draw: Draw) -> None:
    report = trained(Coder, draw)
    assert report.verdict is Verdict.SICK
    assert report.causes[0].name == "detached-graph"
    assert f"{__name__.rpartition('.')[2]}.py:" in " ".join(report.causes[0].reasons)
    if draw is by_sample:
        assert "rsample()" in " ".join(report.causes[0].reasons)
        assert any("rsample()" in fix.summary for fix in report.fixes)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", [Coder, Uncertain])
def test_a_draw_that_hands_its_gradient_on_is_healthy(kind: Callable[[Draw], nn.Module]) -> None:
    assert trained(kind, by_rsample).verdict is not Verdict.SICK


@pytest.mark.parametrize("kind", [Coder, Uncertain])
@pytest.mark.parametrize("draw", [by_sample, by_rsample])
def test_training_is_better_where_the_gradient_passes_a_draw(
    kind: Callable[[Draw], nn.Module], draw: Draw
) -> None:
    torch.manual_seed(0)
    model = kind(draw)

    def loss() -> Tensor:
        made, more = model(SERIES)
        return functional.mse_loss(made, SERIES) + more

    expected = Outcome.WRONG if draw is by_sample else Outcome.SKIPPED
    assert answered(model, loss, draws)["draws"].outcome is expected


def policy(draw: Draw) -> tuple[nn.Module, Callable[[], Tensor]]:
    """Actions that earn more the nearer they are to a sum of the state, by the score function."""
    torch.manual_seed(0)
    model = nn.Linear(4, 1)

    def loss() -> Tensor:
        state = torch.randn(32, 4)
        made = LogNormal(model(state), 0.5)
        action = draw(made)
        earned = -(action - state.sum(1, keepdim=True).exp()).abs().detach()
        return -(made.log_prob(action) * earned).mean()

    return model, loss


def test_a_policy_that_learns_by_its_scores_may_sample() -> None:
    answer = answered(*policy(by_sample), draws)["draws"]
    assert answer.outcome is Outcome.SKIPPED


@pytest.mark.heavy
@pytest.mark.parametrize("draw", [by_sample, detached])
def test_a_code_that_says_nothing_in_a_run_without_signal_is_not_at_fault(draw: Draw) -> None:
    torch.manual_seed(0)
    model = Coder(draw)

    def loss() -> Tensor:
        made, more = model(torch.randn(64, 16))
        return functional.mse_loss(made, torch.randn(64, 16)) + more

    assert "detached-graph" not in [c.name for c in reported(model, loss).causes]
