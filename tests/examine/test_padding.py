"""Padding that attention is left alone with, and rows of padding: sick and healthy twins."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.cut_gradient import cut_gradient
from gradcheck_cli.examine.padding_counts import padding_counts
from tests.examine.loops import answered

LENGTH, PAD = 9, 3


class Reader(nn.Module):
    """One query looks at words, whose padding has a row of its own."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 8, padding_idx=PAD)
        self.query = nn.Parameter(torch.randn(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head, self.kind = nn.Linear(8, 3), kind

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each sample."""
        words = self.words(x)
        words = words.detach() if self.kind == "detached" else words
        hidden = x != PAD if self.kind == "inverted" else x == PAD
        query = self.query.expand(len(x), 1, 8)
        return self.head(self.attention(query, words, words, key_padding_mask=hidden)[0][:, 0])


@pytest.mark.parametrize(
    ("kind", "causes"),
    [("inverted", {"inverted-mask"}), ("detached", {"detached-graph"}), ("right", set())],
)
def test_a_row_of_padding_has_no_gradient_by_design_and_one_of_words_has(
    kind: str, causes: set[str]
) -> None:
    torch.manual_seed(0)
    model = Reader(kind)

    def loss() -> Tensor:
        x, lengths = torch.randint(4, 30, (16, LENGTH)), torch.randint(3, LENGTH, (16, 1))
        x = x.masked_fill(torch.arange(LENGTH) >= lengths, PAD)
        return functional.cross_entropy(model(x), torch.randint(3, (16,)))

    answers = answered(model, loss, cut_gradient, padding_counts).values()
    assert {cause for answer in answers for cause in answer.supports} == causes
