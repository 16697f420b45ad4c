"""GC802: gradients that no update ever uses."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.support.loops import (
    adam,
    batch,
    findings,
    loss_of,
    mistakes,
    quiet,
    report,
    small,
    update,
    watched,
)

NAME = "optimizer-never-steps"


def forgotten() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(20):
        optimizer.zero_grad()
        loss_of(model).backward()


def scheduler_instead() -> None:
    model = small()
    optimizer = adam(model)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    for _ in range(20):
        loss_of(model).backward()
        scheduler.step()
        optimizer.zero_grad(set_to_none=False)


def never_cleared_either() -> None:
    model = small()
    adam(model)
    optimizer = adam(model)
    for _ in range(80):
        loss_of(model, 4).backward()
    assert optimizer.state == {}


@pytest.mark.parametrize(
    "loop",
    [forgotten, pytest.param(quiet(scheduler_instead), id="scheduler"), never_cleared_either],
)
def test_a_loop_that_never_updates_is_named_with_its_line(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert found.at is not None
    assert found.at.file.endswith("test_optimizer_never_steps.py")


def test_every_loss_of_such_a_loop_is_seen() -> None:
    told = report(forgotten)
    assert told.headline.startswith(NAME)
    assert told.run.steps == 20


def once_a_pass(rate: float) -> None:
    """Twelve batches in a pass, each with its gradient, and one update behind them."""
    model = small()
    optimizer = adam(model, rate)
    for _ in range(40):
        for _ in range(12):
            optimizer.zero_grad()
            loss_of(model).backward()
        optimizer.step()


@pytest.mark.parametrize("rate", [1e-5, 0.03])
def test_an_update_outside_of_the_loop_over_the_batches_is_named(rate: float) -> None:
    found = findings(lambda: once_a_pass(rate))[NAME]
    assert "were cleared before an update used them" in found.message
    assert found.at is not None


def adversarial() -> None:
    """Inputs climb the loss for twelve passes before each update."""
    model = small()
    optimizer = adam(model)
    for _ in range(40):
        x, y = batch()
        for _ in range(12):
            x = x.detach().requires_grad_()
            model.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            assert x.grad is not None
            x = x + 0.01 * x.grad.sign()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x.detach()), y).backward()
        optimizer.step()


def critic() -> None:
    """A critic's passes leave gradients in the generator, which its own update clears."""
    generator, judge = small(6, 6), small(6, 1)
    optimizers = adam(generator), adam(judge)
    for i in range(40 * 12):
        optimizers[1].zero_grad()
        judge(generator(torch.randn(32, 6))).mean().backward()
        optimizers[1].step()
        optimizers[0].zero_grad()
        if i % 12 == 11:
            (-judge(generator(torch.randn(32, 6))).mean()).backward()
            optimizers[0].step()


def made_twice() -> None:
    """Another optimizer takes the place of the first one before anything is trained."""
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    unused, optimizer = optimizer, adam(model)
    for _ in range(60):
        update(model, optimizer)
    assert not unused.state


def importance_afterwards() -> None:
    """What the weights are worth is summed up once the training has ended."""
    model = small()
    optimizer = adam(model)
    for _ in range(20):
        update(model, optimizer)
    for _ in range(200):
        model.zero_grad()
        loss_of(model).backward()


@pytest.mark.parametrize("loop", [adversarial, critic, importance_afterwards])
def test_gradients_of_another_use_are_no_mistake(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)


def ordinary() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(20):
        update(model, optimizer)


def before_the_first_update() -> None:
    model = small()
    adam(model)
    for _ in range(8):
        loss_of(model).backward()


def by_hand_beside_an_optimizer() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(20):
        optimizer.zero_grad()
        loss_of(model).backward()
        for parameter in model.parameters():
            parameter.data -= 0.1 * parameter.grad


def a_scaler_that_skips() -> None:
    model = small()
    optimizer = adam(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**100)
    for _ in range(6):
        optimizer.zero_grad()
        scaler.scale(loss_of(model) * 1e20).backward()
        scaler.step(optimizer)
        scaler.update()


@pytest.mark.parametrize(
    "loop",
    [
        ordinary,
        made_twice,
        before_the_first_update,
        by_hand_beside_an_optimizer,
        a_scaler_that_skips,
    ],
)
def test_updates_of_any_kind_and_accumulation_are_fine(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)


def test_the_rate_is_that_of_the_optimizer_that_steps() -> None:
    [session] = watched(made_twice)
    assert {s.learning_rate for s in session.trace().steps[1:]} == {1e-2}


def test_a_look_at_gradients_without_an_optimizer_is_no_training() -> None:
    def saliency() -> None:
        model: nn.Module = small()
        x = torch.randn(4, 6, requires_grad=True)
        for _ in range(5):
            model.zero_grad()
            model(x).sum().backward()

    assert mistakes(saliency) == set()
