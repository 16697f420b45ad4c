"""Pairs that belong together and others that do not, in one call of a network: the others have to be repelled."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.pairs_matter import pairs_matter
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report
from tests.examine.loops import reported

READERS, BOOKS, KINDS, SIZE = 40, 30, 3, 128


def small(rows: int, width: int = 8) -> nn.Embedding:
    table = nn.Embedding(rows, width)
    nn.init.normal_(table.weight, std=0.05)
    return table


def loans() -> tuple[Tensor, Tensor, Tensor]:
    """Readers, a book of the kind that each likes, and any book."""
    reader = torch.randint(READERS, (SIZE,))
    book = torch.randint(BOOKS // KINDS, (SIZE,)) * KINDS + reader % KINDS
    return reader, book, torch.randint(BOOKS, (SIZE,))


class Library(nn.Module):
    def __init__(self, *, repels: bool = True) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.readers, self.books, self.repels = small(READERS), small(BOOKS), repels

    def score(self, reader: Tensor, book: Tensor) -> Tensor:
        return (self.readers(reader) * self.books(book)).sum(-1)

    def forward(self, reader: Tensor, book: Tensor) -> Tensor:
        return self.score(reader, book)


class OfTriplets(Library):
    """Ranks one book above another one, and returns the loss."""

    def forward(self, rows: Tensor) -> Tensor:
        liked, other = (self.score(rows[:, 0], rows[:, i]) for i in (1, 2))
        if self.repels:
            return -functional.logsigmoid(liked - other).mean()
        return -(functional.logsigmoid(liked) + functional.logsigmoid(other)).mean()


class OfScores(Library):
    """Returns both scores; others are drawn inside."""

    def forward(self, reader: Tensor, book: Tensor) -> tuple[Tensor, Tensor]:
        other = torch.randint(BOOKS, book.shape)
        return self.score(reader, book), self.score(reader, other)


class OfTable(Library):
    """A network reads both rows side by side."""

    def __init__(self, *, repels: bool = True) -> None:
        super().__init__(repels=repels)
        self.top = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))

    def score(self, reader: Tensor, book: Tensor) -> Tensor:
        return self.top(torch.cat([self.readers(reader), self.books(book)], -1)).squeeze(-1)


def entropy(scores: Tensor, target: float) -> Tensor:
    return functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, target))


def triplets(repels: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    model = OfTriplets(repels=repels)
    return model, lambda: model(torch.stack(loans(), 1))


def scores(repels: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    model = OfScores(repels=repels)

    def loss() -> Tensor:
        liked, other = model(*loans()[:2])
        return entropy(liked, 1.0) + entropy(other, 0.0 if repels else 1.0)

    return model, loss


def two_calls(repels: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    model = Library(repels=repels)

    def loss() -> Tensor:
        reader, book, any_book = loans()
        other = 0.0 if repels else 1.0
        return entropy(model(reader, book), 1.0) + entropy(model(reader, any_book), other)

    return model, loss


def side_by_side(repels: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    model = OfTable(repels=repels)

    def loss() -> Tensor:
        reader, book, any_book = loans()
        scores = model(reader.repeat(2), torch.cat([book, any_book]))
        target = torch.ones_like(scores)
        target[SIZE:] = 0.0 if repels else 1.0
        return functional.binary_cross_entropy_with_logits(scores, target)

    return model, loss


def two_tables(repels: bool) -> tuple[nn.Module, Callable[[], Tensor]]:
    torch.manual_seed(3)
    model = nn.ModuleList([small(READERS), small(BOOKS)])

    def loss() -> Tensor:
        reader, book, any_book = loans()
        own = model[0](reader)
        near, far = ((own - model[1](x)).square().sum(1) for x in (book, any_book))
        if repels:
            return functional.relu(1 + near - far).mean()
        return (near + far).mean()

    return model, loss


@pytest.mark.parametrize(
    "make",
    [triplets, scores, two_calls, pytest.param(side_by_side, marks=pytest.mark.heavy), two_tables],
)
@pytest.mark.parametrize("repels", [False, True])
def test_pairs_that_do_not_belong_together_are_attracted_or_repelled(
    make: Callable[[bool], tuple[nn.Module, Callable[[], Tensor]]], repels: bool
) -> None:
    report = reported(*make(repels), steps=200)
    named = [c.name for c in report.causes[:1]]
    assert named == ([] if repels else ["representation-collapse"]), report.headline
    assert (report.verdict == "sick") is not repels
    assert repels or outcome(report) is Outcome.WRONG


def outcome(report: Report) -> Outcome:
    return next(a.outcome for a in report.examination if a.name == pairs_matter.name)


class Itself(nn.Module):
    """Computes its own loss of what it is given."""

    def __init__(self, parts: nn.ModuleDict, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.parts, self.loss = parts, loss

    def forward(self, *given: Tensor) -> Tensor:
        return self.loss(self.parts, *given)


def network(wide: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(wide, 32), nn.ReLU(), nn.Linear(32, out))


def softmax_in_the_batch() -> tuple[nn.Module, Callable[[], Tensor]]:
    def cost(parts: nn.ModuleDict, reader: Tensor, book: Tensor) -> Tensor:
        scores = parts["readers"](reader) @ parts["books"](book).T
        return functional.cross_entropy(scores, torch.arange(len(reader)))

    model = Itself(nn.ModuleDict({"readers": small(READERS), "books": small(BOOKS)}), cost)
    return model, lambda: model(*loans()[:2])


def far_from_zero() -> tuple[nn.Module, Callable[[], Tensor]]:
    """Targets of 30 and some: first the mean is learned, and all outputs become alike."""

    def cost(parts: nn.ModuleDict, x: Tensor, other: Tensor, y: Tensor) -> Tensor:
        return (parts["top"](torch.cat([x, other], 1)) - y).square().mean()

    model = Itself(nn.ModuleDict({"top": network(8, 1)}), cost)

    def loss() -> Tensor:
        x, other = torch.randn(2, SIZE, 4)
        return model(x, other, 30 + (x * other).sum(1, keepdim=True))

    return model, loss


def denoising() -> tuple[nn.Module, Callable[[], Tensor]]:
    def cost(parts: nn.ModuleDict, x: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        seen = time.cos()[:, None] * x + time.sin()[:, None] * noise
        return (parts["top"](torch.cat([seen, time[:, None]], 1)) - noise).square().mean()

    model = Itself(nn.ModuleDict({"top": network(9, 8)}), cost)

    def loss() -> Tensor:
        x = torch.randn(SIZE, 1).expand(SIZE, 8)
        return model(x, torch.randn(SIZE, 8), 1.5 * torch.rand(SIZE))

    return model, loss


def noisy_codes() -> tuple[nn.Module, Callable[[], Tensor]]:
    def cost(parts: nn.ModuleDict, x: Tensor, noise: Tensor) -> Tensor:
        code = parts["down"](x)
        return (parts["up"](code + 0.01 * noise) - x).square().mean()

    model = Itself(nn.ModuleDict({"down": network(8, 2), "up": network(2, 8)}), cost)
    mixed = torch.randn(2, 8)
    return model, lambda: model(torch.randn(SIZE, 2) @ mixed, torch.randn(SIZE, 2))


def next_words() -> tuple[nn.Module, Callable[[], Tensor]]:
    """Sentences with a mask, and labels that are the same tensor."""

    def cost(parts: nn.ModuleDict, words: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        scores = parts["top"](parts["words"](words[:, :-1]) * mask[:, :-1, None])
        return functional.cross_entropy(scores.flatten(0, 1), labels[:, 1:].flatten())

    model = Itself(nn.ModuleDict({"words": small(12), "top": network(8, 12)}), cost)

    def loss() -> Tensor:
        words = (torch.randint(12, (SIZE, 1)) + torch.arange(6)) % 12
        return model(words, torch.ones(SIZE, 6), words)

    return model, loss


def translation() -> tuple[nn.Module, Callable[[], Tensor]]:
    """Words of which most are one: at first only that is learned."""

    def cost(parts: nn.ModuleDict, source: Tensor, words: Tensor) -> Tensor:
        state = parts["source"](source).mean(1, keepdim=True) + parts["words"](words[:, :-1])
        return functional.cross_entropy(parts["top"](state).flatten(0, 1), words[:, 1:].flatten())

    tables = {"source": small(12), "words": small(12), "top": network(8, 12)}
    model = Itself(nn.ModuleDict(tables), cost)

    def loss() -> Tensor:
        source = torch.randint(12, (SIZE, 5)) * (torch.rand(SIZE, 5) < 0.05)
        return model(source, source.flip(1))

    return model, loss


def liked_or_not() -> tuple[nn.Module, Callable[[], Tensor]]:
    """Nearly all books are liked: the loss is low, and its targets tell why."""
    model = Library()

    def loss() -> Tensor:
        reader, _, book = loans()
        liked = (reader % 10 + book % 10 > 0).float()
        return functional.binary_cross_entropy_with_logits(model(reader, book), liked)

    return model, loss


@pytest.mark.parametrize(
    "make",
    [
        softmax_in_the_batch,
        far_from_zero,
        denoising,
        noisy_codes,
        next_words,
        translation,
        liked_or_not,
    ],
)
@pytest.mark.parametrize("steps", [30, pytest.param(200, marks=pytest.mark.heavy)])
def test_inputs_of_one_call_that_need_no_negatives(
    make: Callable[[], tuple[nn.Module, Callable[[], Tensor]]], steps: int
) -> None:
    torch.manual_seed(3)
    report = reported(*make(), steps=steps)
    assert outcome(report) in {Outcome.FINE, Outcome.SKIPPED}
    assert "representation-collapse" not in [c.name for c in report.causes]
