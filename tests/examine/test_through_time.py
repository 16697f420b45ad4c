"""Memories of recurrent networks: what cuts them, and what may look like it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from gradcheck_cli.examine.through_time import through_time
from gradcheck_cli.records.examination import Outcome
from tests.examine.loops import answered

LENGTH = 8
Change = Callable[[int, Tensor], Tensor]


def kept(_position: int, state: Tensor) -> Tensor:
    """The memory is handed on."""
    return state


def detached(_position: int, state: Tensor) -> Tensor:
    """It is handed on without its history."""
    return state.detach()


def fresh(_position: int, state: Tensor) -> Tensor:
    """It begins anew."""
    return torch.zeros_like(state)


def faded(_position: int, state: Tensor) -> Tensor:
    """Hardly anything of it is handed on."""
    return 1e-5 * state


def truncated(position: int, state: Tensor) -> Tensor:
    """Its history ends after four positions, as in truncated backpropagation."""
    return state.detach() if position % 4 == 0 else state


class Memory(nn.Module):
    """A cell that reads a sequence; what becomes of its state in between is given."""

    def __init__(self, change: Change, *, everywhere: bool = False, words: bool = False) -> None:
        super().__init__()
        self.entering = nn.Embedding(9, 3) if words else nn.Identity()
        self.cell, self.head = nn.GRUCell(3, 8), nn.Linear(8, 2)
        self.change, self.everywhere = change, everywhere

    def forward(self, x: Tensor) -> Tensor:
        """Return scores after the last position, or after each."""
        x = self.entering(x)
        state, seen = x.new_zeros(len(x), 8), []
        for position in range(x.shape[1]):
            state = self.cell(x[:, position], self.change(position, state))
            seen.append(state)
        return self.head(torch.stack(seen, 1) if self.everywhere else state)


def outcome(model: nn.Module, *, words: bool = False, axis: int = 1) -> Outcome:
    """Train it to tell by the first entry, and ask."""

    def loss() -> Tensor:
        x = torch.randint(9, (16, LENGTH)) if words else torch.randn(16, LENGTH, 3)
        first = x[:, 0] if words else x[:, 0, 0]
        labels = (first > first.float().median()).long()
        output = model(x if axis == 1 else x.transpose(0, 1))
        if output.ndim == 3 and axis == 0:
            output = output.transpose(0, 1)
        if output.ndim == 3:
            return functional.cross_entropy(
                output.transpose(1, 2), labels[:, None].expand(-1, LENGTH)
            )
        return functional.cross_entropy(output, labels)

    return answered(model, loss, through_time)[through_time.name].outcome


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (kept, Outcome.FINE),
        (detached, Outcome.WRONG),
        (fresh, Outcome.WRONG),
        (faded, Outcome.NOTED),
    ],
)
def test_a_memory_that_is_cut_at_each_position(
    change: Change, expected: Outcome, everywhere: bool, words: bool
) -> None:
    model = Memory(change, everywhere=everywhere, words=words)
    assert outcome(model, words=words) is expected


class Window(nn.Module):
    """No memory: an embedding that runs once for each of the last positions, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.entering, self.head = nn.Embedding(9, 3), nn.Linear(3 * LENGTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores after each position, of all positions up to it."""
        seen = []
        for _ in range(LENGTH):
            seen.append(self.entering(x))
            x = torch.roll(x, 1, 1)
            x[:, 0] = 8
        return self.head(torch.cat(seen, -1))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: Memory(kept, everywhere=True, words=True), Outcome.FINE),
        (lambda: Memory(fresh, everywhere=True, words=True), Outcome.WRONG),
        (Window, Outcome.SKIPPED),
    ],
)
def test_all_sequences_may_begin_with_the_same_token(
    model: Callable[[], nn.Module], expected: Outcome
) -> None:
    made = model()

    def loss() -> Tensor:
        x = torch.randint(1, 8, (16, LENGTH))
        x[:, 0] = 0
        labels = (x[:, 1] > 4).long()[:, None].expand(-1, LENGTH)
        return functional.cross_entropy(made(x).transpose(1, 2), labels)

    assert answered(made, loss, through_time)[through_time.name].outcome is expected


def test_truncated_backpropagation_is_only_noted() -> None:
    assert outcome(Memory(truncated, everywhere=True)) is Outcome.NOTED


class Recurrent(nn.Module):
    """A recurrent layer of torch's own."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer, self.head = layer, nn.Linear(8 * (2 if layer.bidirectional else 1), 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores after each position."""
        return self.head(self.layer(x)[0])


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_layers_remember(first: bool, both: bool) -> None:
    layer = nn.LSTM(3, 8, batch_first=not first, bidirectional=both)
    assert outcome(Recurrent(layer), axis=0 if first else 1) is Outcome.FINE


def test_a_network_that_is_not_recurrent_is_not_asked() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(LENGTH * 3, 8), nn.ReLU(), nn.Linear(8, 2))
    assert outcome(model) is Outcome.SKIPPED


class Turning(nn.Module):
    """A layer that wants positions first, in a network that is given samples first."""

    def __init__(self) -> None:
        super().__init__()
        self.word, self.layer, self.head = nn.Embedding(9, 3), nn.LSTM(3, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores after each position."""
        return self.head(self.layer(self.word(x).transpose(0, 1))[0]).transpose(0, 1)


def test_a_network_that_turns_its_input_itself_remembers() -> None:
    assert outcome(Turning(), words=True) is Outcome.FINE


class Reader(nn.Module):
    """A recurrent layer whose states are read at one place, or in a way of its own."""

    def __init__(
        self, read: Callable[[Tensor], Tensor], *, both: bool = False, words: bool = False
    ) -> None:
        super().__init__()
        self.entering = nn.Embedding(9, 3) if words else nn.Identity()
        self.layer = nn.LSTM(3, 8, batch_first=True, bidirectional=both)
        self.read, self.head = read, nn.Linear(16 if both else 8, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of the whole sequence."""
        return self.head(self.read(self.layer(self.entering(x))[0]))


def of_all_positions(model: nn.Module, *, words: bool = False) -> Outcome | None:
    """Train it to tell by all entries, and ask which positions count; None where none is left out."""

    def loss() -> Tensor:
        x = torch.randint(9, (16, LENGTH)) if words else torch.randn(16, LENGTH, 3)
        labels = (x.float().flatten(1).mean(1) > (4 if words else 0)).long()
        return functional.cross_entropy(model(x), labels)

    found = answered(model, loss, through_time).get("positions-used")
    return None if found is None else found.outcome


@pytest.mark.parametrize("words", [False, True])
def test_a_state_that_is_read_after_the_first_position_knows_no_other(words: bool) -> None:
    assert of_all_positions(Reader(lambda s: s[:, 0], words=words), words=words) is Outcome.WRONG


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize(
    ("read", "both"),
    [
        (lambda s: s[:, -1], False),
        (lambda s: s.mean(1), False),
        (lambda s: s[:, 0], True),  # the way back ends there
        (lambda s: s[:, 2], False),  # a shorter beginning may be all that is wanted
    ],
    ids=["the last", "their mean", "the first of both ways", "the third"],
)
def test_states_that_know_more_than_the_first_position_are_fine(
    read: Callable[[Tensor], Tensor], both: bool, words: bool
) -> None:
    assert of_all_positions(Reader(read, both=both, words=words), words=words) is None


class Sensors(nn.Module):
    """A recurrent layer over the steps of samples [sensors, steps], with a score for each sensor."""

    def __init__(self, sensors: int) -> None:
        super().__init__()
        self.layer, self.head = nn.GRU(sensors, 8, batch_first=True), nn.Linear(8, sensors)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores after the last step."""
        return self.head(self.layer(x.transpose(1, 2))[0][:, -1])


@pytest.mark.parametrize("sensors", [2, 3, 5])
def test_as_many_classes_as_columns_are_no_samples(sensors: int) -> None:
    model = Sensors(sensors)

    def loss() -> Tensor:
        x = torch.randn(16, sensors, LENGTH)
        return functional.cross_entropy(model(x), x.mean(2).argmax(1))

    assert answered(model, loss, through_time)[through_time.name].outcome is not Outcome.WRONG


class Scores(nn.Module):
    """One score of each position, positions first."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.memory = Memory(change, everywhere=True)

    def forward(self, x: Tensor) -> Tensor:
        """Return [positions, samples]."""
        return self.memory(x.transpose(0, 1))[..., 0].transpose(0, 1)


@pytest.mark.parametrize("change", [kept, fresh])
def test_a_score_of_each_position_of_few_samples_is_asked(change: Change) -> None:
    model = Scores(change)

    def loss() -> Tensor:
        x = torch.randn(LENGTH, 3, 3)  # positions, samples, columns
        return functional.mse_loss(model(x), x[..., 0].cumsum(0))

    found = answered(model, loss, through_time)[through_time.name].outcome
    assert (found is Outcome.WRONG) is (change is fresh)
