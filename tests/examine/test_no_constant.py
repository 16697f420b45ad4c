"""Trainings whose best constant prediction says nothing of them: sick and healthy twins."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal, StudentT
from torch.nn import functional

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Verdict
from tests.examine.loops import reported


class Compared(nn.Module):
    """Scores of a view's own pair, which come first, and of other samples: new ones, or those of a queue."""

    def __init__(self, *, queue: bool, own: bool) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 16))
        self.queue = functional.normalize(torch.randn(64, 16), dim=1) if queue else None
        self.own = own

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Return scores [N, 1 + others]."""
        first, second = (functional.normalize(self.encoder(x), dim=1) for x in (one, other))
        if not self.own:
            second = second.roll(1, 0)
        others = second.detach().roll(7, 0)[:31] if self.queue is None else self.queue.clone()
        if self.queue is not None:
            self.queue = torch.cat([second.detach(), self.queue])[:64]
        return torch.cat([(first * second).sum(1, keepdim=True), first @ others.T], 1) / 0.2


@pytest.mark.parametrize("logarithms", [False, True])
@pytest.mark.parametrize(("queue", "own"), [(True, True), (False, True), (True, False)])
def test_a_pair_whose_place_among_the_scores_is_always_the_same_is_no_constant_to_be_learned(
    queue: bool, own: bool, logarithms: bool
) -> None:
    torch.manual_seed(0)
    model, samples = Compared(queue=queue, own=own), torch.randn(400, 12)

    def loss() -> Tensor:
        x = samples[torch.randint(400, (32,))]
        scores = model(*(x + 0.2 * torch.randn_like(x) for _ in range(2)))
        right = torch.zeros(32, dtype=torch.long)
        if logarithms:
            return functional.nll_loss(scores.log_softmax(1), right)
        return functional.cross_entropy(scores, right)

    report = reported(model, loss, steps=120)
    assert (report.verdict is Verdict.HEALTHY) is own
    [found] = [a for a in report.examination if a.name == "against-constant"]
    assert (found.outcome is Outcome.FINE) is own, found.said


def test_labels_of_a_single_class_by_mistake_are_still_named() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4))
    report = reported(
        model, lambda: functional.cross_entropy(model(torch.randn(16, 6)), torch.zeros(16).long())
    )
    assert "degenerate-data" in {f.name for f in report.findings}


class Density(nn.Module):
    """Returns a distribution of the next value."""

    def __init__(self, family: str) -> None:
        super().__init__()
        self.body, self.family = (
            nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 3)),
            family,
        )

    def forward(self, x: Tensor) -> Distribution:
        """Return one for each sample."""
        place, size, free = self.body(x).unbind(1)
        size = functional.softplus(size) + 1e-2
        if self.family == "normal":
            return Normal(place, size)
        return StudentT(2 + functional.softplus(free), place, size)


@pytest.mark.parametrize("family", ["normal", "student"])
@pytest.mark.parametrize("rate", [1e-2, 1e-7])
def test_an_output_that_the_loss_does_not_read_is_compared_with_no_constant(
    family: str, rate: float
) -> None:
    torch.manual_seed(0)
    model = Density(family)

    def loss() -> Tensor:
        x = torch.randn(32, 3)
        next_ = 2 * x[:, 0] + x[:, 1] + 0.1 * torch.randn(32)
        value: Tensor = -model(x).log_prob(next_).mean()
        return value

    report = reported(
        model, loss, steps=150, make=lambda m: torch.optim.Adam(m.parameters(), lr=rate)
    )
    assert (report.verdict is Verdict.HEALTHY) is (rate > 1e-3)
    [found] = [a for a in report.examination if a.name == "against-constant"]
    assert "as high as" not in found.said
