"""What follows the order of the batch instead of that of the positions: sick and healthy twins."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.order_counts import order_counts
from gradcheck_cli.examine.samples_in_model import samples_in_model
from gradcheck_cli.records.examination import Answer, Outcome
from tests.examine.loops import answered

Forward = Callable[["Placed", Tensor], Tensor]


class Placed(nn.Module):
    """Reads words, with something that is added, multiplied or kept on the way."""

    def __init__(self, between: Forward) -> None:
        super().__init__()
        self.between, self.state = between, torch.zeros(64, 8)
        self.word, self.places = nn.Embedding(9, 8), nn.Embedding(64, 8)
        self.table = nn.Parameter(torch.randn(64, 1, 8))
        self.norm, self.head = nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each sample."""
        return self.head(self.norm(self.between(self, self.word(x)).mean(1)))


def found_in(model: nn.Module, inputs: Callable[[], tuple[object, ...]]) -> Answer:
    def loss() -> Tensor:
        return functional.cross_entropy(model(*inputs()), torch.randint(3, (16,)))

    return answered(model, loss, samples_in_model)["samples-in-model"]


def words() -> tuple[Tensor]:
    return (torch.randint(9, (16, 6)),)


SICK: dict[str, Forward] = {
    "table": lambda m, x: x + m.table[: x.size(0)],
    "embedding": lambda m, x: x + m.places(torch.arange(len(x)))[:, None],
    "weights": lambda m, x: x * m.table[: len(x)],
    "mask": lambda _, x: x * (torch.arange(len(x)) > torch.arange(8)[:, None]).T[:, None],
}
HEALTHY: dict[str, Forward] = {
    "table": lambda m, x: x + m.table[: x.size(1)].transpose(0, 1),
    "embedding": lambda m, x: x + m.places(torch.arange(x.size(1))),
    "weights": lambda m, x: x * m.table[: x.size(1), 0],
    "mask": lambda _, x: x * (torch.arange(8) > torch.arange(6)[:, None]),
    "two kinds of samples": lambda m, x: torch.cat([x[:8] + m.table[0], x[8:] - m.table[0]]),
}


@pytest.mark.parametrize("kind", SICK)
def test_what_follows_the_order_of_the_batch_is_named(kind: str) -> None:
    found = found_in(Placed(SICK[kind]), words)
    assert found.outcome is Outcome.WRONG
    assert found.supports == ("mixed-samples",)
    assert "depends on its place in the batch" in found.said
    assert found.layers == (("places",) if kind == "embedding" else ("norm",))


@pytest.mark.parametrize("kind", HEALTHY)
def test_what_follows_the_positions_is_fine(kind: str) -> None:
    assert found_in(Placed(HEALTHY[kind]), words).outcome is Outcome.FINE


def carried(model: Placed, x: Tensor) -> Tensor:
    """Go on where the same row of the batch before ended."""
    model.state = 0.5 * model.state[: len(x)] + x.mean(1).detach()
    return x + model.state[:, None]


def seeded(_: Placed, x: Tensor) -> Tensor:
    """Add the same noise in each pass."""
    return x + torch.randn(x.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("between", [carried, seeded, lambda _, x: x + torch.randn_like(x)])
def test_noise_and_a_state_of_each_row_are_not_charged(between: Forward) -> None:
    assert found_in(Placed(between), words).outcome is not Outcome.WRONG


class Last(nn.Module):
    """Reads each sample up to its own length, which is a list."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: Tensor, lengths: list[int]) -> Tensor:
        """Return scores of each sample."""
        return self.head(self.layer(x)[0][range(len(x)), [n - 1 for n in lengths]])


def test_a_list_of_lengths_that_keeps_its_order_is_not_charged() -> None:
    lengths = [2 + n % 5 for n in range(16)]
    found = found_in(Last(), lambda: (torch.randn(16, 6, 3), lengths))
    assert found.outcome is not Outcome.WRONG


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_convolutions_and_lazy_layers_do_not_depend_on_the_place(dtype: torch.dtype) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)
    )
    model(torch.randn(2, 1, 8, 8))
    model.to(dtype)
    found = found_in(model, lambda: (torch.randn(16, 1, 8, 8, dtype=dtype),))
    assert found.outcome is Outcome.FINE


class Rows(nn.Module):
    """A row of its own for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.layer = nn.Parameter(torch.randn(16, 5)), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each row."""
        return self.layer(x + self.rows)


@pytest.mark.parametrize(("same", "expected"), [(True, Outcome.NOTED), (False, Outcome.WRONG)])
def test_rows_that_are_the_same_in_each_batch_may_have_weights_of_their_own(
    same: bool, expected: Outcome
) -> None:
    x = torch.randn(16, 5)
    assert found_in(Rows(), lambda: (x if same else torch.randn(16, 5),)).outcome is expected


class Summed(nn.Module):
    """Attention over words, with a row for each position or for each sample, and their mean."""

    def __init__(self, *, by_sample: bool) -> None:
        super().__init__()
        self.word, self.places = nn.Embedding(9, 8), nn.Parameter(torch.randn(64, 8))
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head, self.by_sample = nn.Linear(8, 3), by_sample

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of each sample."""
        rows = self.places[: len(x), None] if self.by_sample else self.places[: x.shape[1]]
        return self.head(self.layer(self.word(x) + rows).mean(1))


@pytest.mark.parametrize("by_sample", [True, False])
def test_positions_that_follow_the_batch_are_not_called_missing(*, by_sample: bool) -> None:
    model = Summed(by_sample=by_sample)

    def loss() -> Tensor:
        x = torch.randint(9, (16, 6))
        return functional.cross_entropy(model(x), x[:, 0] % 3)

    found = answered(model, loss, samples_in_model, order_counts)
    assert (found["samples-in-model"].supports == ("mixed-samples",)) is by_sample
    assert found["order-counts"].supports == ()
    assert (found["order-counts"].outcome is Outcome.FINE) is not by_sample


def test_links_between_nodes_are_noted_at_most() -> None:
    nodes = nn.Linear(5, 3)
    links, x = torch.eye(16), torch.randn(16, 5)
    kinds = torch.randint(3, (16,))
    found = answered(
        nodes, lambda: functional.cross_entropy(links @ nodes(x), kinds), samples_in_model
    )
    assert found["samples-in-model"].outcome is not Outcome.WRONG
