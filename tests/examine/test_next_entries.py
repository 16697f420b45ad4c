"""What a position sees of its own target, in loops of all kinds: each with its healthy twin."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.sees_target import sees_target
from gradcheck_cli.examine.sequences import of_spread
from gradcheck_cli.records.examination import Outcome
from tests.examine.loops import answered

WORDS, LENGTH = 11, 8


class Reader(nn.Module):
    """Convolutions over places, padded in front only, or on both sides."""

    def __init__(self, entering: nn.Module, outputs: int, *, causal: bool, first: bool) -> None:
        super().__init__()
        self.entering, self.head = entering, nn.Linear(8, outputs)
        self.mix = nn.Conv1d(8, 8, 3)
        self.padding, self.first = (2, 0) if causal else (1, 1), first

    def forward(self, x: Tensor) -> Tensor:
        """Return an output at each place; `first`: places come first."""
        values = self.entering(x)
        values = values.permute(1, 2, 0) if self.first else values.transpose(1, 2)
        values = self.mix(functional.pad(values, self.padding)).relu()
        return self.head(values.permute(2, 0, 1) if self.first else values.transpose(1, 2))


def texts() -> Tensor:
    """Words [12, places]."""
    return torch.randint(WORDS, (12, LENGTH + 1))


def flattened(model: nn.Module) -> Tensor:
    """Scores and targets lose their shape in the loop."""
    text = texts()
    scores = model(text[:, :-1])
    return functional.cross_entropy(scores.view(-1, WORDS), text[:, 1:].reshape(-1))


def shifted_outputs(model: nn.Module) -> Tensor:
    """The whole text goes in, and the last score is dropped."""
    text = texts()
    scores = model(text)[:, :-1]
    return functional.cross_entropy(scores.reshape(-1, WORDS), text[:, 1:].reshape(-1))


def places_first(model: nn.Module) -> Tensor:
    """Texts [places, samples], as recurrent networks take them."""
    text = texts().t().contiguous()
    return functional.cross_entropy(model(text[:-1]).flatten(0, 1), text[1:].flatten())


def classes_second(model: nn.Module) -> Tensor:
    """Scores [samples, words, places]."""
    text = texts()
    return functional.cross_entropy(model(text[:, :-1]).transpose(1, 2), text[:, 1:])


def numbers(model: nn.Module) -> Tensor:
    """A series of numbers, of which the next one is forecast."""
    series = torch.randn(12, LENGTH + 1, 1).cumsum(1)
    return functional.mse_loss(model(series[:, :-1]), series[:, 1:])


def hidden_words(model: nn.Module) -> Tensor:
    """Hidden words are to be found: every place may see all others."""
    text = texts()
    hidden = torch.rand(text.shape) < 0.3
    labels = text.masked_fill(~hidden, -100)
    return functional.cross_entropy(
        model(text.masked_fill(hidden, 0)).flatten(0, 1), labels.flatten()
    )


def tags(model: nn.Module) -> Tensor:
    """Each word gets a tag of its own."""
    text = texts()
    return functional.cross_entropy(model(text).flatten(0, 1), (text * 3 % WORDS).flatten())


Loss = Callable[[nn.Module], Tensor]
FORECASTS = (flattened, shifted_outputs, places_first, classes_second, numbers)


def outcome(loss: Loss, *, causal: bool) -> Outcome:
    """Train a reader in a loop and ask whether it sees its targets."""
    entering = nn.Linear(1, 8) if loss is numbers else nn.Embedding(WORDS, 8)
    outputs, first = (1 if loss is numbers else WORDS), loss is places_first
    model = Reader(entering, outputs, causal=causal, first=first)
    return answered(model, lambda: loss(model), sees_target)[sees_target.name].outcome


@pytest.mark.parametrize("loss", FORECASTS)
def test_a_position_that_sees_its_target_is_found_in_every_layout(loss: Loss) -> None:
    assert outcome(loss, causal=False) is Outcome.WRONG


@pytest.mark.parametrize("loss", FORECASTS)
def test_and_its_causal_twin_is_fine(loss: Loss) -> None:
    assert outcome(loss, causal=True) is Outcome.FINE


@pytest.mark.parametrize("loss", [hidden_words, tags])
def test_a_network_that_may_see_all_places_is_not_asked(loss: Loss) -> None:
    assert outcome(loss, causal=False) is Outcome.SKIPPED


def test_what_moves_by_many_times_its_spread_is_not_told_in_percent() -> None:
    assert of_spread(0.05) == "5 % of"
    assert of_spread(332.4) == "332 times"
