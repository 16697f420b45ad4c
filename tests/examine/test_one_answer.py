"""Models that give one answer, whatever they are given: sick and healthy twins."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.inputs_used import inputs_used
from tests.examine.loops import answered, reported


class Normed(nn.Module):
    """Normalizes its input, or what a layer makes of it."""

    def __init__(self, norm: nn.Module, *, behind: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(1, 1) if behind else nn.Identity()
        self.norm = norm
        self.rest = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return a number for each sample."""
        return self.rest(self.norm(self.first(x)))


class Own(nn.Module):
    """A normalization by hand, over the last dimension."""

    def forward(self, x: Tensor) -> Tensor:
        """Return it with mean 0 and deviation 1."""
        return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1).sqrt()


class OwnNorm(Own):
    """The same under a telling name."""


ONE_NUMBER = {
    "layer": lambda: Normed(nn.LayerNorm(1)),
    "behind a layer": lambda: Normed(nn.LayerNorm(1), behind=True),
    "as many groups as channels": lambda: Normed(nn.GroupNorm(6, 6)),
    "by hand": lambda: Normed(OwnNorm()),
}
MORE = {
    "over all": lambda: Normed(nn.LayerNorm((6, 1))),
    "over channels": lambda: Normed(nn.GroupNorm(2, 6)),
    "over the batch": lambda: Normed(nn.BatchNorm1d(6)),
    "root mean square": lambda: Normed(nn.RMSNorm(1)),
    "none": lambda: Normed(nn.Identity()),
}


def curve(model: nn.Module) -> Tensor:
    """Return the loss of a function of six numbers."""
    x = torch.randn(32, 6, 1)
    return functional.mse_loss(model(x)[:, 0], x[:, 0, 0] * 2 - x[:, 3, 0])


@pytest.mark.parametrize("seed", [0, 1, 3])
@pytest.mark.parametrize("kind", [*ONE_NUMBER, *MORE])
def test_a_normalization_over_one_number_is_named(kind: str, seed: int) -> None:
    torch.manual_seed(seed)
    model = {**ONE_NUMBER, **MORE}[kind]()
    answer = answered(model, lambda: curve(model), inputs_used)["inputs-used"]
    alone = kind in ONE_NUMBER
    assert answer.supports == (("unused-input",) if alone else ())
    assert answer.layers == (("norm",) if alone else ())


@pytest.mark.parametrize("dead", ["relu", "weights"])
def test_what_else_gives_one_answer_is_no_normalization(dead: str) -> None:
    model = Normed(nn.LayerNorm((6, 1)))
    with torch.no_grad():
        model.rest[1].weight.zero_()
        model.rest[1].bias.fill_(-100.0 if dead == "relu" else 0.0)
        model.rest[3].weight.mul_(dead == "relu")
    answer = answered(model, lambda: curve(model), inputs_used, steps=1)["inputs-used"]
    assert answer.supports == (), answer.said


@pytest.mark.heavy
def test_a_normalization_over_one_number_leads_what_is_said() -> None:
    model = ONE_NUMBER["layer"]()
    [first, *_] = reported(model, lambda: curve(model)).causes
    assert (first.name, first.first_layer) == ("unused-input", "norm")


class Words(nn.Module):
    """The mean of words, with their places."""

    def __init__(self) -> None:
        super().__init__()
        self.word, self.place = nn.Embedding(40, 6), nn.Embedding(40, 6)
        self.head = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, words: Tensor, places: Tensor) -> Tensor:
        """Return scores of each text."""
        shown = (self.word(words) + self.place(places)) * (words != 0).unsqueeze(2)
        return self.head(shown.mean(1))


@pytest.mark.parametrize(
    ("kind", "sick"),
    [
        ("all unknown", True),
        ("all unknown, of many lengths", True),
        ("all but a few unknown", True),
        ("known", False),
        ("known in one place", False),
        ("of two letters", False),
    ],
)
def test_texts_whose_words_are_all_one_token_are_one_text(kind: str, *, sick: bool) -> None:
    model = Words()

    def loss() -> Tensor:
        words, unknown = torch.randint(2, 40, (32, 9)), torch.full((32, 9), 1)
        if kind == "all but a few unknown":
            words = torch.where(torch.rand(32, 9) < 0.003, words, unknown)
        elif kind == "known in one place":
            words = torch.cat([unknown[:, 1:], words[:, :1]], 1)
        elif kind == "of two letters":
            words = words % 2 + 1
        elif "unknown" in kind:
            words = unknown
        if "lengths" in kind or kind == "known":
            words = words.masked_fill(torch.arange(9) >= torch.randint(3, 10, (32, 1)), 0)
        return functional.cross_entropy(
            model(words, torch.arange(9).expand(32, 9)), torch.randint(3, (32,))
        )

    found = answered(model, loss, inputs_used).get("words-known")
    assert (found is not None) is sick
    assert found is None or found.supports == ("degenerate-data",)


@pytest.mark.heavy
def test_texts_that_are_one_lead_what_is_said() -> None:
    model = Words()

    def loss() -> Tensor:
        words, places = torch.full((32, 9), 1), torch.arange(9).expand(32, 9)
        return functional.cross_entropy(model(words, places), torch.randint(3, (32,)))

    assert reported(model, loss).causes[0].name == "degenerate-data"
