"""GC815: mean losses of several batches, added up undivided."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_cli.records.finding import Severity, Skip
from gradcheck_cli.records.loop import Habit, Kind, LoopFacts
from gradcheck_cli.rules.clearing import accumulation_not_divided as gc815
from tests.support.a_trace import a_trace
from tests.support.loops import (
    adam,
    batch,
    by_lbfgs,
    findings,
    loss_of,
    mistakes,
    small,
    two_losses,
)

NAME = "accumulation-not-divided"
Backward = Callable[[torch.Tensor, int], None]


def accumulated(
    backward: Backward, after: Callable[[nn.Module], object] = lambda _: None, passes: int = 4
) -> Callable[[], None]:
    """Return a loop that steps after so many backward passes, in one loop over batches."""

    def loop() -> None:
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for i in range(8 * passes):
            backward(loss_of(model), passes)
            if i % passes == passes - 1:
                after(model)
                optimizer.step()
                optimizer.zero_grad()

    return loop


def whole(loss: torch.Tensor, _: int) -> None:
    loss.backward()


def nested() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(8):
        optimizer.zero_grad()
        for _ in range(3):
            x, y = batch()
            loss = (model(x) - nn.functional.one_hot(y, 3)).square().mean()
            loss.backward()
        optimizer.step()


def scaled() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for _ in range(8):
        for _ in range(2):
            scaler.scale(loss_of(model)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()


@pytest.mark.parametrize(
    ("loop", "passes"),
    [(accumulated(whole), 4), (nested, 3), (scaled, 2)],
    ids=lambda x: str(x)[:9],
)
def test_it_is_found_at_the_line_of_the_backward_pass(
    loop: Callable[[], None], passes: int
) -> None:
    found = findings(loop)[NAME]
    assert found.at is not None
    assert found.at.file.endswith("test_accumulation_not_divided.py")
    assert f"of {passes} backward passes" in found.message


def divided(loss: torch.Tensor, passes: int) -> None:
    (loss / passes).backward()


def half_first(loss: torch.Tensor, passes: int) -> None:
    loss.backward(torch.tensor(1 / passes))


def divides_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.div_(4)


def clips(model: nn.Module) -> None:
    nn.utils.clip_grad_norm_(model.parameters(), 0.01)


def critic() -> None:
    """One helper makes both losses of a critic."""
    model, optimizer = (m := small(6, 1)), adam(m)
    for _ in range(8):
        optimizer.zero_grad()
        for x, label in ((torch.randn(16, 6), 1.0), (torch.rand(16, 6), 0.0)):
            out = model(x)
            nn.functional.binary_cross_entropy_with_logits(
                out, torch.full_like(out, label)
            ).backward()
        optimizer.step()


def tasks() -> None:
    """A head for each task, one after the other, on one trunk."""
    trunk, heads = small(6, 8), nn.ModuleList(nn.Linear(8, 3) for _ in range(3))
    optimizer = adam(nn.ModuleList([trunk, heads]))
    for _ in range(8):
        x, y = batch()
        optimizer.zero_grad()
        for head in heads:
            nn.functional.cross_entropy(head(trunk(x)), y).backward()
        optimizer.step()


def summed() -> None:
    model, optimizer = (m := small()), adam(m)
    for _ in range(8):
        optimizer.zero_grad()
        for _ in range(2):
            x, y = batch()
            nn.functional.cross_entropy(model(x), y, reduction="sum").backward()
        optimizer.step()


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(accumulated(divided), id="divided"),
        pytest.param(accumulated(half_first), id="gradient argument"),
        pytest.param(accumulated(whole, divides_gradients), id="gradients divided"),
        pytest.param(accumulated(whole, clips), id="clipped"),
        pytest.param(accumulated(whole, passes=1), id="no accumulation"),
        two_losses,
        critic,
        tasks,
        summed,
        by_lbfgs,
    ],
)
def test_what_is_divided_or_meant_as_a_sum_is_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()


HABIT = Habit(kind=Kind.SUMMED, times=4, of=4, numbers={"passes": 8.0})


def test_it_is_grave_only_where_the_size_of_the_gradient_counts_and_nothing_is_learned() -> None:
    def severity(loss: str, *, adaptive: bool) -> Severity:
        loop = LoopFacts(updates=40, habits=(HABIT,))
        found = gc815(a_trace(loss=loss, loop=loop, adaptive=adaptive))
        assert not isinstance(found, Skip)
        return found[0].severity

    assert severity("stalled", adaptive=False) is Severity.WARNING
    assert severity("stalled", adaptive=True) is Severity.NOTE
    assert severity("learning", adaptive=False) is Severity.NOTE
