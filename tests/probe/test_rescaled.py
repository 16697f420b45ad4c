"""Data that are scaled or shifted in place as they are read, again in each pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from gradcheck_cli.records.finding import Finding, Severity
from tests.support.loops import adam, batch, findings, report, small

NAME = "degenerate-data"
HELD, ROWS, STEPS = 64, 16, 24
Read = Callable[[Any, int], Any]


class Samples(Dataset[Any]):
    """Reads samples as it is told."""

    def __init__(self, read: Read, *, by_numpy: bool = False) -> None:
        x, self.y = batch(HELD)
        x = 6 * x + 5
        self.x = x.numpy() if by_numpy else x
        self.buffer, self.cache = torch.empty(6), torch.empty(HELD, 6)
        self.filled: set[int] = set()
        self.read = read

    def __len__(self) -> int:
        return HELD

    def __getitem__(self, index: int) -> tuple[Any, torch.Tensor]:
        return self.read(self, index), self.y[index]


def fit(x: torch.Tensor, y: torch.Tensor, model: Any, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    functional.cross_entropy(model(x), y).backward()
    optimizer.step()


def loaded(data: Dataset[Any]) -> None:
    """Train on a loader that is made anew in each pass."""
    model = small()
    optimizer = adam(model)
    for _ in range(STEPS * ROWS // HELD):
        for x, y in DataLoader(data, batch_size=ROWS, shuffle=True):
            fit(x, y, model, optimizer)


def sliced(change: Callable[[torch.Tensor], Any], ready: Callable[[int, Any], Any]) -> None:
    """Train on rows of one tensor in turn."""
    held, labels = batch(HELD)
    held = 6 * held + 5
    model = small()
    optimizer = adam(model)
    for step in range(STEPS):
        at = step * ROWS % HELD
        ready(at, held)
        x = change(held[at : at + ROWS])
        fit(x, labels[at : at + ROWS], model, optimizer)


def in_place(data: Samples, index: int) -> Any:
    x = data.x[index]
    x -= 5
    x /= 6
    return x


def by_column(data: Samples, index: int) -> Any:
    x = data.x[index]
    x -= torch.arange(6)
    x *= 1 / torch.arange(1, 7)
    return x


def of_array(data: Samples, index: int) -> Any:
    return torch.from_numpy(in_place(data, index))


def copied(data: Samples, index: int) -> Any:
    return (data.x[index] - 5) / 6


def cached(data: Samples, index: int) -> Any:
    if index not in data.filled:
        data.cache[index] = (data.x[index] - 5) / 6
        data.filled.add(index)
    return data.cache[index]


def augmented_in_a_cache(data: Samples, index: int) -> Any:
    """What is kept is made anew from the data, brighter or darker by chance."""
    data.cache[index] = data.x[index] * (0.5 + torch.rand(()))
    return data.cache[index]


def refilled(data: Samples, index: int) -> Any:
    data.buffer.copy_(data.x[index]).div_(6)
    return data.buffer


def limited(data: Samples, index: int) -> Any:
    """Doing it again changes nothing."""
    return data.x[index].clamp_(-4, 4)


def found(loop: Callable[[], None]) -> Finding | None:
    told = findings(loop).get(NAME)
    return told if told is not None and "scales or shifts" in told.message else None


@pytest.mark.parametrize(
    ("read", "by_numpy"),
    [(in_place, False), (by_column, False), (in_place, True), (of_array, True)],
)
def test_a_data_set_that_changes_what_it_reads_is_named(read: Read, *, by_numpy: bool) -> None:
    told = found(lambda: loaded(Samples(read, by_numpy=by_numpy)))
    assert told is not None
    assert told.severity in {Severity.ERROR, Severity.WARNING}
    assert told.at is not None
    assert told.at.file.endswith("test_rescaled.py")
    assert "of the first 16 samples are no longer what was trained on" in told.message


def test_parts_of_a_data_set_are_its_samples() -> None:
    assert found(lambda: loaded(Subset(Samples(in_place), range(HELD)))) is not None


def test_it_leads_the_report_with_what_to_write() -> None:
    told = report(lambda: loaded(Samples(in_place)))
    assert "in place" in told.headline
    assert any("Work on a copy" in fix.summary for fix in told.fixes)


@pytest.mark.parametrize(
    "read", [copied, cached, augmented_in_a_cache, refilled, limited, lambda d, i: d.x[i]]
)
def test_data_sets_that_keep_their_data_have_nothing_to_mend(read: Read) -> None:
    assert found(lambda: loaded(Samples(read))) is None


def test_tensors_in_a_data_set_of_torch_have_nothing_to_mend() -> None:
    assert found(lambda: loaded(TensorDataset(*batch(HELD)))) is None


def normalized(x: torch.Tensor) -> torch.Tensor:
    x -= 5
    x /= 6
    return x


def shifted(x: torch.Tensor) -> torch.Tensor:
    return x.sub_(1)


@pytest.mark.parametrize("change", [normalized, shifted])
def test_rows_that_a_loop_changes_in_place_are_named(
    change: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    told = found(lambda: sliced(change, lambda *_: None))
    assert told is not None
    assert told.message.startswith("The loop scales or shifts the data in place")


def overwritten(at: int, held: torch.Tensor) -> None:
    """As the ring of a replay buffer, or a batch that is copied into memory of its own."""
    held[at : at + ROWS] = torch.randn(ROWS, 6)


def emptied(_: int, held: torch.Tensor) -> None:
    held.mul_(0).add_(1)


def noised(_: int, held: torch.Tensor) -> None:
    held.add_(torch.randn(held.shape))


@pytest.mark.parametrize("ready", [overwritten, emptied, noised, lambda *_: None])
def test_memory_that_is_filled_again_has_nothing_to_mend(ready: Callable[..., Any]) -> None:
    assert found(lambda: sliced(lambda x: x, ready)) is None


def test_a_buffer_of_each_batch_has_nothing_to_mend() -> None:
    def loop() -> None:
        x, y = batch(HELD)
        buffer = torch.empty(2 * ROWS, 6)
        model = small()
        optimizer = adam(model)
        for step in range(STEPS):
            at = step * ROWS % HELD
            buffer[:ROWS].copy_(x[at : at + ROWS]).div_(6)
            fit(buffer[:ROWS], y[at : at + ROWS], model, optimizer)

    assert found(loop) is None


@pytest.mark.parametrize(
    "array",
    [
        np.ones((HELD, 6), dtype=">f4"),
        np.ones((HELD, 6), dtype=np.longdouble),
        np.ones((HELD, 6), dtype=[("a", "i1"), ("b", "f4")])["b"],
        np.ones((HELD, 6), dtype=np.float32)[:, ::-1],
        np.float32(range(HELD)),
        np.broadcast_to(np.float32(1), (HELD, 6)),
    ],
    ids=["big-endian", "long", "unaligned", "reversed", "scalars", "read-only"],
)
def test_arrays_that_torch_cannot_share_end_no_measuring(array: Any) -> None:
    def collate(samples: list[Any]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = np.stack([np.broadcast_to(x, 6) for x, _ in samples])
        return torch.tensor(rows.astype("f4")), torch.stack([y for _, y in samples])

    def loop() -> None:
        data = Samples(lambda _, index: array[index])
        model = small()
        optimizer = adam(model)
        for x, y in DataLoader(data, batch_size=ROWS, collate_fn=collate):
            fit(x, y, model, optimizer)

    told = report(loop)
    assert not told.crashed


def test_watching_samples_changes_no_data() -> None:
    def trained() -> bytes:
        torch.manual_seed(0)
        data = Samples(in_place, by_numpy=True)
        loaded(data)
        return np.asarray(data.x).tobytes() + torch.get_rng_state().numpy().tobytes()

    told: list[bytes] = []
    findings(lambda: told.append(trained()))
    assert told == [trained()]
