"""GC821: a scheduler that waits for the other direction than its number improves in."""

from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gradcheck_cli.records.finding import Severity
from tests.support.loops import batch, findings, mistakes, report, small

NAME = "scheduler-mode-inverted"
Mode = Literal["min", "max"]


def epochs(
    end: Callable[[nn.Module, ReduceLROnPlateau, float], object],
    mode: Mode,
    *,
    patience: int = 1,
    factor: float = 0.1,
    many: int = 14,
    noise: bool = False,
) -> Callable[[], None]:
    """Train a small network of classes; `end` gives the scheduler its number after each epoch."""

    def loop() -> None:
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        scheduler = ReduceLROnPlateau(optimizer, mode=mode, patience=patience, factor=factor)
        for _ in range(many):
            total = 0.0
            for _ in range(10):
                x, y = batch(128)
                y = torch.randint(0, 3, (128,)) if noise else y
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                total += loss.item()
            end(model, scheduler, total / 10)

    return loop


def with_loss(_: nn.Module, scheduler: ReduceLROnPlateau, loss: float) -> None:
    scheduler.step(loss)


def with_its_sum(_: nn.Module, scheduler: ReduceLROnPlateau, loss: float) -> None:
    scheduler.step(metrics=10 * loss)


def with_loss_turned(_: nn.Module, scheduler: ReduceLROnPlateau, loss: float) -> None:
    scheduler.step(-loss)


def with_held_out_loss(model: nn.Module, scheduler: ReduceLROnPlateau, _: float) -> None:
    x, y = batch(1000)
    with torch.no_grad():
        scheduler.step(nn.functional.cross_entropy(model(x), y))


def right(model: nn.Module) -> float:
    x, y = batch(4000)
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def with_accuracy(model: nn.Module, scheduler: ReduceLROnPlateau, _: float) -> None:
    accuracy = right(model)
    scheduler.step(accuracy)


def with_gap(model: nn.Module, scheduler: ReduceLROnPlateau, _: float) -> None:
    """A number that rises, and whose name does not say that it should: a gap may well rise."""
    gap = right(model) - 0.3
    scheduler.step(gap)


@pytest.mark.parametrize(
    ("end", "mode", "other"),
    [
        (with_loss, "max", "min"),
        (with_its_sum, "max", "min"),
        (with_held_out_loss, "max", "min"),
        (with_accuracy, "min", "max"),
    ],
)
def test_a_rate_that_is_lowered_while_its_number_improves_is_named(
    end: Callable[[nn.Module, ReduceLROnPlateau, float], object], mode: Mode, other: Mode
) -> None:
    found = findings(epochs(end, mode))[NAME]
    assert found.severity is not Severity.NOTE
    assert found.at is not None
    assert found.at.file.endswith("test_scheduler_mode_inverted.py")
    assert f'Make it `mode="{other}"`' in found.message


def test_a_mild_schedule_that_leaves_most_of_the_rate_is_a_note() -> None:
    loop = epochs(with_loss, "max", patience=5, factor=0.9, many=10)
    assert findings(loop)[NAME].severity is Severity.NOTE


def test_it_is_the_cause_of_what_is_not_learned() -> None:
    told = report(epochs(with_loss, "max", patience=0))
    assert NAME in {c.name for c in told.causes[:2]}


@pytest.mark.parametrize(
    ("end", "mode"),
    [
        (with_loss, "min"),
        (with_held_out_loss, "min"),
        (with_accuracy, "max"),
        (with_loss_turned, "max"),
        (with_gap, "min"),
    ],
)
def test_the_right_mode_and_a_number_of_unknown_meaning_are_fine(
    end: Callable[[nn.Module, ReduceLROnPlateau, float], object], mode: Mode
) -> None:
    assert NAME not in mistakes(epochs(end, mode))


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("end", [with_loss, with_accuracy])
def test_numbers_that_do_not_improve_are_a_plateau_in_both_modes(
    end: Callable[[nn.Module, ReduceLROnPlateau, float], object], mode: Mode
) -> None:
    assert NAME not in mistakes(epochs(end, mode, noise=True))
