"""Does a run that stands still learn when it goes on?"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report, Verdict
from tests.examine.loops import reported


def a_little_known(known: float) -> Report:
    """Train on labels of which as many follow from the input; the rest is chance."""
    torch.manual_seed(0)
    inputs = torch.randn(6400, 16)
    labels = torch.where(torch.rand(6400) < known, inputs[:, 0] > 0, torch.rand(6400) < 0.5).long()
    batches = iter(torch.randperm(6400).split(64))
    model = nn.Sequential(
        nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
    )

    def loss() -> Tensor:
        rows = next(batches)
        return F.cross_entropy(model(inputs[rows]), labels[rows])

    return reported(model, loss, steps=100, make=lambda m: torch.optim.Adam(m.parameters(), 1e-2))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("known", "outcome", "found"),
    [(0.35, Outcome.NOTED, Verdict.UNSURE), (0.0, Outcome.WRONG, Verdict.SICK)],
)
def test_recorded_batches_that_are_learned_by_heart_are_no_stall_of_what_was_learned(
    known: float, outcome: Outcome, found: Verdict
) -> None:
    """The few recorded steps are all that it can go on with: what held for others before is lost again."""
    report = a_little_known(known)
    later = next(a for a in report.examination if a.name == "longer")
    assert (later.outcome, report.verdict) == (outcome, found)
    assert ("learned by heart" in later.said) == (outcome is Outcome.NOTED)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("known", "outcome", "found"),
    [(0.3, Outcome.NOTED, Verdict.UNSURE), (0.0, Outcome.WRONG, Verdict.SICK)],
)
def test_noise_that_leaves_little_to_gain_is_no_stall(
    known: float, outcome: Outcome, found: Verdict
) -> None:
    """A few batches leave it open whether a loss is 5 % below that of a constant; all that were recorded tell."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))

    def loss() -> Tensor:
        inputs = torch.randn(128, 16)
        return F.mse_loss(model(inputs), known * inputs[:, :1] + torch.randn(128, 1))

    report = reported(model, loss, steps=200, make=lambda m: torch.optim.Adam(m.parameters(), 3e-3))
    told = {a.name: a for a in report.examination}
    assert "on 32 batches" in told["against-constant"].said
    assert (told["longer"].outcome, report.verdict) == (outcome, found)


def far_from_its_targets(*, paired: bool, rate: float) -> Report:
    """Train on numbers of 16 or so, from outputs near 0: the loss falls for hundreds of steps to that of a constant."""
    torch.manual_seed(0)
    inputs = torch.rand(1600, 8)
    targets = (
        16 + 4 * (inputs[:, :1] + inputs[:, 1:2] - inputs[:, 2:3]).sin() + torch.randn(1600, 1)
    )
    targets = targets if paired else targets[torch.randperm(1600)]
    batches = iter(torch.randperm(1600).split(32))
    model = nn.Sequential(
        nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1)
    )

    def loss() -> Tensor:
        rows = next(batches)
        return F.mse_loss(model(inputs[rows]), targets[rows])

    return reported(model, loss, make=lambda m: torch.optim.Adam(m.parameters(), rate))


@pytest.mark.heavy
@pytest.mark.parametrize("rate", [1e-3, 1.5e-3])
@pytest.mark.parametrize(("paired", "found"), [(True, Verdict.HEALTHY), (False, Verdict.SICK)])
def test_a_fall_to_the_level_of_a_constant_is_followed_until_it_ends(
    rate: float, *, paired: bool, found: Verdict
) -> None:
    report = far_from_its_targets(paired=paired, rate=rate)
    assert report.verdict is found
    if not paired:
        assert report.causes[0].name == "labels-without-signal"
