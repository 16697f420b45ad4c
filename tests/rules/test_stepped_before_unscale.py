"""GC822: steps by gradients with the scaler's factor still in them."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, loss_of, mistakes, small

NAME = "stepped-before-unscale"
Step = Callable[[torch.amp.GradScaler, torch.optim.Optimizer, nn.Module], None]


def bare(_: torch.amp.GradScaler, optimizer: torch.optim.Optimizer, __: nn.Module) -> None:
    optimizer.step()


def by_scaler(scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer, _: nn.Module) -> None:
    scaler.step(optimizer)
    scaler.update()


def unscaled(scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer, _: nn.Module) -> None:
    scaler.unscale_(optimizer)
    optimizer.step()
    scaler.update()


def by_hand(
    scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer, model: nn.Module
) -> None:
    for held in model.parameters():
        held.grad /= scaler.get_scale()
    optimizer.step()


def clipped(_: torch.amp.GradScaler, optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def scaled(
    step: Step, *, enabled: bool = True, adaptive: bool = False, passes: int = 1
) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        optimizer = adam(model) if adaptive else torch.optim.SGD(model.parameters(), lr=1e-5)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, enabled=enabled)
        for _ in range(10):
            optimizer.zero_grad()
            for _ in range(passes):
                scaler.scale(loss_of(model) / passes).backward()
            step(scaler, optimizer, model)

    return loop


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("passes", [1, 2])
def test_a_step_that_no_scaler_was_asked_for_is_told_with_its_line(
    passes: int, *, adaptive: bool
) -> None:
    found = findings(scaled(bare, adaptive=adaptive, passes=passes))[NAME]
    assert found.severity is (Severity.WARNING if adaptive else Severity.ERROR)
    assert found.at is not None
    assert found.at.file.endswith("test_stepped_before_unscale.py")
    assert "1024" in found.message


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(scaled(by_scaler), id="by the scaler"),
        pytest.param(scaled(unscaled), id="unscaled"),
        pytest.param(scaled(by_hand), id="divided by hand"),
        pytest.param(scaled(bare, enabled=False), id="switched off"),
    ],
)
def test_steps_by_unscaled_gradients_are_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()


def test_a_clipped_step_has_its_size_from_the_limit() -> None:
    assert NAME not in mistakes(scaled(clipped))


def test_a_second_optimizer_without_a_scaler_is_fine() -> None:
    def loop() -> None:
        one, other = small(), small()
        first, second = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (one, other))
        scaler = torch.amp.GradScaler("cpu")
        for _ in range(10):
            first.zero_grad()
            second.zero_grad()
            scaler.scale(loss_of(one)).backward()
            scaler.step(first)
            scaler.update()
            loss_of(other).backward()
            second.step()

    assert mistakes(loop) == set()
