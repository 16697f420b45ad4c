"""Outputs that meet the targets of other samples, and those that meet their own: twins in all layouts."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.samples_in_loss import samples_in_loss
from gradcheck_cli.examine.sees_target import sees_target
from tests.examine.loops import answered, reported

WORDS, SAMPLES, LENGTH = 7, 10, 8


class Next(nn.Module):
    """Scores of what follows at each position, laid out in some way."""

    def __init__(self, laid_out: str, *, numbers: bool = False) -> None:
        super().__init__()
        self.enter: nn.Module = nn.Linear(1, 6) if numbers else nn.Embedding(WORDS, 6)
        self.reader = nn.GRU(6, 12, batch_first="first" in laid_out)
        self.out, self.laid_out = nn.Linear(12, 1 if numbers else WORDS), laid_out

    def forward(self, x: Tensor) -> Tensor:
        """Take samples [samples, positions]."""
        first, back = "first" in self.laid_out, "back" in self.laid_out
        states, _ = self.reader(self.enter(x if first else x.transpose(0, 1)))
        states = states.transpose(0, 1).contiguous() if back else states
        return self.out(states.reshape(-1, 12) if "flat" in self.laid_out else states)


def written(numbers: bool) -> Tensor:
    """Texts, or waves, one position longer."""
    if numbers:
        times = torch.arange(LENGTH + 1) / 2 + 6 * torch.rand(SAMPLES, 1)
        return (times.sin() + 0.1 * torch.randn(SAMPLES, LENGTH + 1)).unsqueeze(2)
    steps = torch.randint(1, 3, (SAMPLES, LENGTH + 1))
    return (torch.randint(WORDS, (SAMPLES, 1)) + steps.cumsum(1)) % WORDS


@pytest.mark.parametrize(
    ("laid_out", "sick"),
    [
        ("flat", True),
        ("positions in front", True),
        ("flat, samples first", False),
        ("flat, back", False),
        ("back", False),
        ("flat, samples first, back", True),
    ],
)
@pytest.mark.parametrize("numbers", [False, True])
def test_targets_that_are_flattened_in_another_order_than_outputs(
    laid_out: str, *, sick: bool, numbers: bool
) -> None:
    model = Next(laid_out, numbers=numbers)

    def loss() -> Tensor:
        text = written(numbers)
        scores, target = model(text[:, :-1]), text[:, 1:]
        if numbers:
            return functional.mse_loss(scores.reshape(-1), target.reshape(-1))
        return functional.cross_entropy(scores.reshape(-1, WORDS), target.reshape(-1))

    found = answered(model, loss, samples_in_loss, sees_target)
    assert ("own-targets" in found) is sick
    assert "leaking-target" not in {c for a in found.values() for c in a.supports}


def test_targets_that_lie_as_outputs_do_are_their_own() -> None:
    model = Next("")

    def loss() -> Tensor:
        text = written(numbers=False)
        scores, target = model(text[:, :-1]), text[:, 1:].t()
        return functional.cross_entropy(scores.reshape(-1, WORDS), target.reshape(-1))

    assert "own-targets" not in answered(model, loss, samples_in_loss)


@pytest.mark.heavy
@pytest.mark.parametrize("sick", [True, False])
def test_targets_of_other_samples_lead_what_is_said(*, sick: bool) -> None:
    model = Next("flat" if sick else "flat, first")

    def loss() -> Tensor:
        text = written(numbers=False)
        return functional.cross_entropy(model(text[:, :-1]), text[:, 1:].reshape(-1))

    causes = [cause.name for cause in reported(model, loss).causes]
    assert causes[:1] == (["mixed-samples"] if sick else [])
