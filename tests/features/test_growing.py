"""Layers that start at zero: what they do in their first steps is no sign of an illness."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.records.finding import Severity
from tests.support.loops import Loop, findings

WORDS = 27


class Table(nn.Module):
    """The logits of the next word, one row for each word."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(WORDS, WORDS))

    def forward(self, words: Tensor) -> Tensor:
        """Map words [n] to logits [n, WORDS]."""
        return self.logits[words]


class Embedded(nn.Module):
    """The same table as an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, WORDS)
        nn.init.zeros_(self.table.weight)

    def forward(self, words: Tensor) -> Tensor:
        """Map words [n] to logits [n, WORDS]."""
        return self.table(words)


class LowRank(nn.Module):
    """A frozen layer with a trained change of rank 4 beside it."""

    def __init__(self, frozen: nn.Linear, first: float) -> None:
        super().__init__()
        self.frozen = frozen.requires_grad_(requires_grad=False)
        self.down = nn.Linear(frozen.in_features, 4, bias=False)
        self.up = nn.Linear(4, frozen.out_features, bias=False)
        nn.init.normal_(self.down.weight, std=first)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [n, inputs] to [n, outputs]."""
        return self.frozen(x) + self.up(self.down(x))


class Block(nn.Module):
    """A residual branch whose last layer starts at zero, as in Fixup."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        nn.init.zeros_(self.branch[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [n, 16] to [n, 16]."""
        return x + self.branch(x)


def next_words(model: type[nn.Module], rate: float) -> Loop:
    def loop() -> None:
        follows = torch.softmax(2 * torch.randn(WORDS, WORDS), -1)
        table = model()
        optimizer = torch.optim.AdamW(table.parameters(), lr=rate)
        for _ in range(200):
            words = torch.randint(WORDS, (256,))
            truth = torch.multinomial(follows[words], 1).flatten()
            optimizer.zero_grad()
            functional.cross_entropy(table(words), truth).backward()
            optimizer.step()

    return loop


def classes(build: type[nn.Module] | object, rate: float = 1e-3, steps: int = 120) -> Loop:
    def loop() -> None:
        model = build()  # type: ignore[operator]
        trained = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=rate)
        for _ in range(steps):
            x = torch.randn(64, 16)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), x[:, :4].argmax(1)).backward()
            optimizer.step()

    return loop


def zero_head() -> nn.Module:
    model = nn.Sequential(
        nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 4)
    )
    nn.init.zeros_(model[-1].weight)
    return model


def fixed_up() -> nn.Module:
    head = nn.Linear(16, 4)
    nn.init.zeros_(head.weight)
    return nn.Sequential(Block(), Block(), Block(), Block(), head)


def low_rank(first: float) -> nn.Module:
    return nn.Sequential(
        LowRank(nn.Linear(16, 64), first), nn.GELU(), LowRank(nn.Linear(64, 4), first)
    )


def serious(loop: Loop) -> set[str]:
    return {n for n, f in findings(loop).items() if f.severity is not Severity.NOTE}


@pytest.mark.parametrize("model", [Table, Embedded])
def test_a_table_that_starts_at_zero_and_learns_slowly_is_not_sick(
    model: type[nn.Module],
) -> None:
    assert serious(next_words(model, 5e-4)) == set()


@pytest.mark.parametrize("build", [zero_head, fixed_up, lambda: low_rank(0.3)])
def test_last_layers_and_branches_that_start_at_zero_are_not_sick(
    build: object,
) -> None:
    assert serious(classes(build)) == set()


def test_low_rank_changes_whose_two_factors_are_zero_are_still_found() -> None:
    assert "zero-gradient" in serious(classes(lambda: low_rank(0.0)))


def test_a_table_that_large_steps_throw_about_is_still_found() -> None:
    assert serious(next_words(Table, 100.0))


def test_steps_that_dwarf_ordinary_weights_are_still_found() -> None:
    def wild() -> nn.Module:
        return nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 4))

    assert "update-too-large" in serious(classes(wild, 30.0))
