"""GC805: a learning rate that is next to nothing for most of the run."""

from collections.abc import Callable
from typing import Literal

import pytest
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from gradcheck_cli.records.finding import Severity
from tests.support.loops import batch, findings, loss_of, mistakes, small, update

NAME = "schedule-ran-out"
STEPS = 80


def scheduled(
    make: Callable[[Optimizer], LRScheduler],
    *,
    every: int = 1,
    rate: float = 0.1,
    steps: int = STEPS,
) -> Callable[[], None]:
    """Labels without a signal: nothing is learned whatever the rate is."""

    def loop() -> None:
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        scheduler = make(optimizer)
        for i in range(steps):
            x, _ = batch()
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), torch.randint(0, 3, (32,))).backward()
            optimizer.step()
            if i % every == every - 1:
                scheduler.step()

    return loop


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda o: StepLR(o, step_size=3, gamma=0.1), "StepLR"),
        (lambda o: ExponentialLR(o, gamma=0.5), "ExponentialLR"),
        (lambda o: MultiStepLR(o, [2, 4, 6], gamma=0.1), "MultiStepLR"),
        (lambda o: LambdaLR(o, lambda n: max(0.0, 1 - n / 10)), "LambdaLR"),
    ],
    ids=["StepLR", "ExponentialLR", "MultiStepLR", "LambdaLR"],
)
def test_a_schedule_that_ends_long_before_the_run_is_named_with_its_line(
    make: Callable[[Optimizer], LRScheduler], kind: str
) -> None:
    found = findings(scheduled(make))[NAME]
    assert f"({kind}, made at " in found.message
    assert "every batch" in found.message
    assert found.at is not None
    assert found.at.file.endswith("test_schedule_ran_out.py")


def test_a_warm_up_that_steps_per_epoch_and_never_ends_is_found() -> None:
    warm_up = scheduled(lambda o: LambdaLR(o, lambda n: min(1.0, (n + 1) / 500)), every=20)
    assert "warm-up" in findings(warm_up)[NAME].message


def test_a_warm_up_at_whose_beginning_the_run_ends() -> None:
    def begun(of: int) -> Callable[[], None]:
        return scheduled(lambda o: LambdaLR(o, lambda n: (n + 1) / of), steps=210)

    assert findings(begun(100_000))[NAME].severity is Severity.WARNING
    assert NAME not in findings(begun(2000))


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(scheduled(lambda o: CosineAnnealingLR(o, STEPS)), id="cosine to zero"),
        pytest.param(
            scheduled(lambda o: LambdaLR(o, lambda n: 1 - n / STEPS)), id="linear to zero"
        ),
        pytest.param(scheduled(lambda o: OneCycleLR(o, 0.3, total_steps=STEPS)), id="one cycle"),
        pytest.param(scheduled(lambda o: StepLR(o, 1, gamma=0.1), every=40), id="per epoch"),
        pytest.param(scheduled(lambda o: LambdaLR(o, lambda n: min(1.0, n / 40))), id="warm-up"),
        pytest.param(
            scheduled(lambda o: LambdaLR(o, lambda n: (n + 1) / 2000)), id="a warm-up still on"
        ),
        pytest.param(scheduled(lambda o: StepLR(o, 1000), rate=1e-6), id="a small rate meant so"),
    ],
)
def test_schedules_that_end_with_the_run_are_fine(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)


def learned(gamma: float) -> Callable[[], None]:
    """A task that is learned in a few steps, under a rate that goes on falling."""

    def loop() -> None:
        model = small()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        scheduler = ExponentialLR(optimizer, gamma)
        for _ in range(200):
            update(model, optimizer, 128)
            scheduler.step()

    return loop


def test_a_rate_that_falls_below_a_hundredth_while_the_task_is_learned_is_fine() -> None:
    assert NAME not in mistakes(learned(0.97))


def test_a_rate_that_fades_away_after_the_task_was_learned_is_a_note() -> None:
    assert findings(learned(0.91))[NAME].severity is Severity.NOTE


def test_a_rate_that_fades_away_before_anything_is_learned_is_an_error() -> None:
    found = findings(scheduled(lambda o: ExponentialLR(o, gamma=0.5)))[NAME]
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_plateau_that_takes_a_falling_loss_for_no_progress(mode: Literal["min", "max"]) -> None:
    """In its last third the run has a rate of nothing; it had learned a little, and was learning."""

    def loop() -> None:
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        scheduler = ReduceLROnPlateau(optimizer, mode=mode, patience=2)
        for _ in range(15):
            seen = 0.0
            for _ in range(20):
                optimizer.zero_grad()
                loss = loss_of(model, 128)
                loss.backward()
                optimizer.step()
                seen += loss.item()
            scheduler.step(seen)

    if mode == "min":
        assert NAME not in mistakes(loop)
        return
    found = findings(loop)[NAME]
    assert found.severity is Severity.WARNING
    assert "ReduceLROnPlateau" in found.message
    assert "mode" in found.message


def test_a_group_whose_rate_is_nothing_from_the_start_has_no_schedule_that_ran_out() -> None:
    def loop() -> None:
        model = small()
        first, *_, last = model.children()
        groups = [{"params": first.parameters(), "lr": 0.0}, {"params": last.parameters()}]
        optimizer = torch.optim.Adam(groups, lr=0.01)
        for _ in range(60):
            update(model, optimizer, 128)

    assert NAME not in findings(loop)
