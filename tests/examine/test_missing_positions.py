"""Attention that sees a bag of tokens where their order decides."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine import battery
from gradcheck_cli.records.report import Verdict
from tests.examine.loops import reported

WORDS, LENGTH, WIDTH = 10, 8, 32


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is judged here does not depend on how fast this machine is."""
    monkeypatch.setattr(battery, "SECONDS", dict.fromkeys(battery.SECONDS, 60.0))


class Encoder(nn.Module):
    """A small transformer with one answer for each sample."""

    def __init__(self, depth: int, *, positions: bool) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.places = nn.Parameter(0.5 * torch.randn(LENGTH, WIDTH)) if positions else None
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 64, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores."""
        states = self.words(x)
        if self.places is not None:
            states = states + self.places
        return self.head(self.layers(states).mean(1))


def first_is_larger(x: Tensor) -> Tensor:
    """Is the first number larger than the last?"""
    return (x[:, 0] > x[:, -1]).long()


def first_half_is_larger(x: Tensor) -> Tensor:
    """Is the sum of the first half larger?"""
    return (x[:, : LENGTH // 2].sum(1) > x[:, LENGTH // 2 :].sum(1)).long()


def many_are_large(x: Tensor) -> Tensor:
    """Is the sum large? The order does not count."""
    return (x.sum(1) > (WORDS - 1) * LENGTH / 2).long()


Rule = Callable[[Tensor], Tensor]


def told(depth: int, rule: Rule, *, positions: bool) -> tuple[Verdict, list[str], str]:
    """Train it on new samples of each step; return the verdict, its causes and the first reason."""
    torch.manual_seed(0)
    model = Encoder(depth, positions=positions)

    def loss() -> Tensor:
        x = torch.randint(WORDS, (64, LENGTH))
        return functional.cross_entropy(model(x), rule(x))

    def make(model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(model.parameters(), lr=2e-3)

    report = reported(model, loss, steps=100, make=make)
    return report.verdict, [c.name for c in report.causes], str(report.causes and report.causes[0])


@pytest.mark.heavy
@pytest.mark.parametrize("rule", [first_is_larger, first_half_is_larger])
@pytest.mark.parametrize("depth", [1, 2])
def test_missing_positions_are_named_where_the_run_learns_with_them(depth: int, rule: Rule) -> None:
    verdict, causes, said = told(depth, rule, positions=False)
    assert verdict is Verdict.SICK
    assert causes[0] == "missing-positions"
    assert "with positions added to the embeddings" in said


@pytest.mark.heavy
@pytest.mark.parametrize("rule", [first_is_larger, first_half_is_larger])
def test_with_positions_it_learns(rule: Rule) -> None:
    assert told(1, rule, positions=True)[0] is Verdict.HEALTHY


@pytest.mark.heavy
def test_a_bag_of_words_needs_no_positions() -> None:
    assert told(1, many_are_large, positions=False)[0] is Verdict.HEALTHY


@pytest.mark.heavy
def test_labels_that_nobody_can_know_are_not_charged_to_missing_positions() -> None:
    said = told(1, lambda x: torch.randint(2, (len(x),)), positions=False)[2]
    assert "with positions added to the embeddings" not in said
