"""Whether a model beats a constant is told also where a few batches differ by much: its outputs fit their own targets."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.examine import examine
from gradcheck_cli.examine.against_constant import against_constant
from gradcheck_cli.examine.base import Experiment
from gradcheck_cli.examine.chance import fits_its_own
from gradcheck_cli.examine.longer import longer
from gradcheck_cli.examine.subject import Only, Subject
from gradcheck_cli.records.examination import Answer, Outcome
from tests.support.trainings import Batch, network, trained

SEEDS = range(4)


def adam(rate: float) -> Callable[[nn.Module], torch.optim.Optimizer]:
    return lambda model: torch.optim.Adam(model.parameters(), lr=rate)


def rare(seed: int, samples: int = 2048) -> Batch:
    """One sample in nine has a target that is not zero, and an input that tells which."""
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 3, generator=chance)
    return x, 3.0 * (x[:, :1] > 1.2)


def sized(seed: int, samples: int = 2048) -> Batch:
    """Targets of very different sizes, the largest in the second batch."""
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 3, generator=chance)
    y = x @ torch.tensor([[1.0], [2.0], [-1.0]])
    order = y[:, 0].abs().argsort()
    return x[order], y[order]


def exchanged(data: Batch, seed: int = 0) -> Batch:
    """The same targets, of other samples."""
    x, y = data
    return x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]


def ends(subject: Subject, data: Batch) -> Subject:
    """The same training, whose two fixed batches are the first samples and the last ones."""
    x, y = data
    return Only(subject, [(x[:32], y[:32]), (x[-32:], y[-32:])])


def answers(
    data: Batch, rate: float, steps: int = 60, asked: tuple[Experiment, ...] = (against_constant,)
) -> dict[str, Answer]:
    subject, trace = trained(
        steps, data=data, model=lambda: network(3, 1), loss="mse_loss", optimizer=adam(rate)
    )
    return {a.name: a for a in examine(ends(subject, data), trace, experiments=asked)}


@pytest.mark.heavy
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("data", [rare, sized])
def test_a_model_that_learned_is_told_from_chance_by_two_batches_that_differ(
    data: Callable[[int], Batch], seed: int
) -> None:
    found = answers(data(seed), rate=1e-2)["against-constant"]
    assert found.outcome is Outcome.FINE
    assert found.measured is not None
    assert found.measured >= 12


@pytest.mark.heavy
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("data", [rare, sized])
def test_one_that_learned_nothing_is_not(data: Callable[[int], Batch], seed: int) -> None:
    found = answers(exchanged(data(seed)), rate=1e-4)["against-constant"]
    assert found.outcome is Outcome.WRONG


@pytest.mark.parametrize("learns", [True, False])
def test_it_is_told_as_well_when_the_run_goes_on(*, learns: bool) -> None:
    data = sized(1) if learns else exchanged(sized(1))
    rate = 3e-4 if learns else 1e-6
    found = answers(data, rate=rate, steps=20, asked=(against_constant, longer))
    assert found["against-constant"].outcome is not Outcome.FINE
    assert (found["longer"].outcome is Outcome.FINE) is learns


def test_after_many_passes_it_may_be_known_by_heart() -> None:
    found = answers(tuple(t[::32] for t in sized(1)), rate=1e-2)["against-constant"]
    assert found.measured is not None
    assert found.measured >= 12
    assert found.outcome is Outcome.NOTED


class Batchwise(nn.Module):
    """Knows which batch it is given, and nothing of its samples."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn(len(x), 1, generator=torch.Generator().manual_seed(0))
        return self.factor * x[:, 1:2].mean(0) + 0.1 * noise


@pytest.mark.parametrize(
    ("model", "fits"), [(lambda: nn.Linear(2, 1), True), (Batchwise, False)], ids=["own", "batch"]
)
def test_what_is_the_same_for_a_whole_batch_is_no_knowledge_of_its_samples(
    model: Callable[[], nn.Module], *, fits: bool
) -> None:
    x = torch.stack([torch.randn(64), torch.arange(64) // 32 * 4.0 - 2.0], dim=1)
    data = x, x[:, :1] + x[:, 1:]
    subject, _ = trained(60, data=data, model=model, loss="mse_loss", optimizer=adam(0.05))
    with subject.at("now"):
        assert fits_its_own(ends(subject, data)) is fits
