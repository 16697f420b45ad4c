"""The call that makes the first NaN is named also in a step that nobody listened to."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gradcheck_cli.records.loop import Kind
from tests.support.loops import adam, report, small, update, watched

NAME = "infinite-slope"
UNLOOKED = 127  # the step whose batch is another one, counted from 0
Loss = Callable[[Tensor, Tensor], Tensor]


def training(loss_of: Loss, *, strikes: bool = True, steps: int = 200) -> Callable[[], None]:
    """A loop whose loss is `loss_of` a positive output and a mask, which is 0 for one sample in one step."""

    def loop() -> None:
        model = small(6, 1)
        optimizer = adam(model)
        for step in range(steps):
            x, mask = torch.randn(32, 6), torch.ones(32, 1)
            mask[3] = 0.0 if strikes and step == UNLOOKED else 1.0
            optimizer.zero_grad()
            (loss_of(model(x).exp() * mask, mask) + 0.01 * model(x).square().mean()).backward()
            optimizer.step()

    return loop


def hidden_log(p: Tensor, _: Tensor) -> Tensor:
    return torch.where(p > 0, torch.log(p), 0 * p).square().mean()


def hidden_root(p: Tensor, mask: Tensor) -> Tensor:
    return (torch.sqrt(p) * mask).mean()


BACKWARD: dict[str, Loss] = {"log()": hidden_log, "sqrt()": hidden_root}


@pytest.mark.parametrize("name", BACKWARD)
def test_a_hidden_point_without_a_slope_is_named_with_its_line(name: str) -> None:
    told = report(training(BACKWARD[name]))
    first = told.causes[0]
    assert first.name == NAME
    assert name in first.reasons[0]
    assert f"up to step {UNLOOKED + 1} the loss is a number" in first.reasons[0]
    assert first.at is not None
    assert first.at.line == BACKWARD[name].__code__.co_firstlineno + 1


FORWARD: dict[str, Loss] = {
    "log()": lambda p, mask: torch.log(p - (1 - mask)).square().mean(),
    "sqrt()": lambda p, mask: torch.sqrt(p - (1 - mask)).mean(),
    "div()": lambda p, mask: ((p + 1) / (p - p.detach() * (1 - mask))).mean(),
    "exp()": lambda p, mask: torch.exp(p.log1p() + (1 - mask) * 1000).mean(),
    "pow()": lambda p, mask: ((p - (1 - mask)) ** 0.5).mean(),
}


@pytest.mark.parametrize("name", FORWARD)
def test_a_call_without_a_value_is_named_with_its_line(name: str) -> None:
    told = report(training(FORWARD[name]))
    first = told.causes[0]
    assert first.name == NAME
    assert f"in step {UNLOOKED + 1} " in first.reasons[0]
    assert name in first.reasons[0]
    assert first.at is not None
    assert first.at.line == FORWARD[name].__code__.co_firstlineno


@pytest.mark.parametrize("loss_of", [*BACKWARD.values(), *FORWARD.values()], ids=range(7))
def test_without_that_batch_nothing_is_named(loss_of: Loss) -> None:
    assert made(training(loss_of, strikes=False)) == []


def made(loop: Callable[[], None]) -> list[Kind]:
    """Return what is said of calls that made NaN."""
    loops = [s.trace().loop for s in watched(loop)]
    habits = [h for facts in loops if facts is not None for h in facts.habits]
    return [h.kind for h in habits if h.kind in {Kind.BROKE, Kind.MADE_NONE}]


def test_data_that_are_no_numbers_are_not_charged_to_the_call_they_reach() -> None:
    def loop() -> None:
        model = small(6, 1)
        optimizer = adam(model)
        for step in range(200):
            x = torch.randn(32, 6)
            x[3] = float("nan") if step == UNLOOKED else x[3]
            optimizer.zero_grad()
            torch.sqrt(model(x).exp()).mean().backward()
            optimizer.step()

    assert made(loop) == []


def one(p: Tensor) -> Tensor:
    return torch.log(p).square().mean()


def other(p: Tensor) -> Tensor:
    return torch.log(p).abs().mean()


def test_a_call_is_not_named_where_the_steps_make_it_at_different_lines() -> None:
    def loop() -> None:
        model = small(6, 1)
        optimizer = adam(model)
        for step in range(200):
            p = model(torch.randn(32, 6)).exp() - 50.0 * (step == UNLOOKED)
            optimizer.zero_grad()
            (one if step % 2 else other)(p).backward()
            optimizer.step()

    assert made(loop) == []


def test_after_the_first_nan_no_other_call_is_charged() -> None:
    assert made(training(FORWARD["sqrt()"])) == [Kind.MADE_NONE]


def test_a_training_without_such_calls_is_as_it_was() -> None:
    def run() -> Tensor:
        torch.manual_seed(0)
        model = nn.Sequential(small())
        optimizer = adam(model)
        for _ in range(20):
            update(model, optimizer)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    seen: list[Tensor] = []
    watched(lambda: seen.append(run()))
    assert torch.equal(seen[0], run())


class Squared(nn.Module):
    """A normalization that multiplies by what it should divide by: each layer squares the size of the last."""

    def __init__(self, *, sick: bool) -> None:
        super().__init__()
        self.sick, self.lin = sick, nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        size = x.pow(2).mean(-1, keepdim=True) + 1e-6
        return x + self.lin(10 * x * (size.sqrt() if self.sick else size.rsqrt()))


@pytest.mark.heavy
@pytest.mark.parametrize("sick", [True, False])
def test_what_had_exploded_before_is_not_charged_to_the_call_that_overflows(sick: bool) -> None:
    def loop() -> None:
        body = (Squared(sick=sick) for _ in range(10))
        model = nn.Sequential(nn.Linear(6, 16), *body, nn.Linear(16, 3))
        optimizer = adam(model)
        for _ in range(40):
            x = torch.randn(32, 6)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), x[:, :3].argmax(1)).backward()
            optimizer.step()

    told = report(loop)
    assert ("non-finite" in {f.name for f in told.findings}) is sick
    assert NAME not in [c.name for c in told.causes]
