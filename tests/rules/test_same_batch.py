"""GC818: every step trains on one batch of a loader that holds more."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from gradcheck_cli.probe import one_batch
from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, batch, findings, report, small

NAME = "same-batch"
Draw = Callable[[], tuple[torch.Tensor, torch.Tensor]]


def loader(size: int = 16, rows: int = 96, *, shuffled: bool = False) -> DataLoader[object]:
    return DataLoader(TensorDataset(*batch(rows)), batch_size=size, shuffle=shuffled)


def trained(draw: Draw, steps: int = 60) -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(steps):
        x, y = draw()
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def begun_anew(*, shuffled: bool = False) -> None:
    held = loader(shuffled=shuffled)
    trained(lambda: next(iter(held)))


def jittered() -> None:
    """The samples are the same, and noise is added to them."""

    def noisy(rows: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.stack([x for x, _ in rows])
        return x + 0.1 * torch.randn_like(x), torch.stack([y for _, y in rows])

    held = DataLoader(TensorDataset(*batch(96)), batch_size=16, collate_fn=noisy)
    trained(lambda: next(iter(held)))


def drawn_and_not_used() -> None:
    held = loader()
    first = next(iter(held))
    further = iter(loader(rows=2000))

    def draw() -> tuple[torch.Tensor, torch.Tensor]:
        next(further)
        return first

    trained(draw)


def drawn_once() -> None:
    first = next(iter(loader()))
    trained(lambda: first)


def through_all() -> None:
    held = loader(rows=2000)
    further = iter(held)
    trained(lambda: next(further))


def all_at_once() -> None:
    held = loader(96)
    trained(lambda: next(iter(held)))


def by_hand() -> None:
    data = batch(96)
    trained(lambda: data)


@pytest.mark.parametrize("loop", [begun_anew, jittered, drawn_and_not_used])
def test_steps_that_all_get_one_batch(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert found.severity is Severity.WARNING
    assert "the same 16 samples; the loader holds 96" in found.message
    assert (found.at is not None) is (loop is not drawn_and_not_used)


def test_it_leads_the_report() -> None:
    assert report(begun_anew).headline.startswith(NAME)


def test_learning_one_batch_by_heart_is_a_usual_test() -> None:
    assert findings(drawn_once)[NAME].severity is Severity.NOTE


@pytest.mark.parametrize(
    "loop", [through_all, all_at_once, by_hand, lambda: begun_anew(shuffled=True)]
)
def test_other_loops_have_nothing_to_mend(loop: Callable[[], None]) -> None:
    assert NAME not in findings(loop)


def test_batches_are_told_apart_only_at_the_beginning_of_a_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[torch.Tensor] = []
    monkeypatch.setattr(one_batch, "_MARKED", 3)
    monkeypatch.setattr(one_batch, "mark_of", lambda t: looked.append(t) or (1, 1.0))
    further = iter(loader(rows=2000))
    with ExitStack() as stack:
        one_batch.OneBatch().watch(stack)
        for _ in range(8):
            next(further)
    assert len(looked) == 3
