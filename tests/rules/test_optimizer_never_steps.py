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


@pytest.mark.heavy
@pytest.mark.parametrize("loop", [adversarial, critic, importance_afterwards])
def test_gradients_of_another_use_are_no_mistake(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)


def ordinary() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(20):
        update(model, optimizer)


def closure_of(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], torch.Tensor]:
    inputs, target = batch()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), target)
        loss.backward()
        return loss

    return closure


def a_search_along_lines() -> None:
    """Most gradients are cleared inside of the update, which has read them."""
    model = small()
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=10, line_search_fn="strong_wolfe", tolerance_change=0.0
    )
    for _ in range(20):
        optimizer.step(closure_of(model, optimizer))


class Shrinking(torch.optim.SGD):
    """Tries ever smaller steps, and keeps the first one that helps."""

    def step(self, closure: Callable[[], torch.Tensor]) -> torch.Tensor:  # type: ignore[override]
        parameters = self.param_groups[0]["params"]
        first = closure()
        slopes = [p.grad.clone() for p in parameters]
        with torch.no_grad():
            for n in range(10):
                moves = [0.5**n * slope for slope in slopes]
                for parameter, move in zip(parameters, moves, strict=True):
                    parameter.sub_(move)
                with torch.enable_grad():
                    now = closure()
                if n > 7 and now < first:
                    break
                for parameter, move in zip(parameters, moves, strict=True):
                    parameter.add_(move)
        return first


def a_search_by_hand() -> None:
    model = small()
    optimizer = Shrinking(model.parameters(), lr=1.0)
    for _ in range(20):
        optimizer.step(closure_of(model, optimizer))


def a_closure_that_the_loop_calls() -> None:
    model = small()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=1)
    for _ in range(10):
        closure = closure_of(model, optimizer)
        for _ in range(12):
            closure()
        optimizer.step(closure)


def test_a_closure_that_the_loop_itself_calls_again_and_again_is_named() -> None:
    assert NAME in mistakes(a_closure_that_the_loop_calls)


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
        a_search_along_lines,
        a_search_by_hand,
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


def descent(change: Callable[[torch.Tensor], object], steps: int = 100) -> Callable[[], None]:
    """A loop without an optimizer, whose weights are in a module."""

    def loop() -> None:
        model = small()
        for _ in range(steps):
            model.zero_grad()
            loss_of(model).backward()
            for parameter in model.parameters():
                change(parameter)

    return loop


def rebinds(parameter: torch.Tensor) -> None:
    parameter = parameter - 0.1 * parameter.grad


def out_of_place(parameter: torch.Tensor) -> None:
    parameter.data.sub(0.1 * parameter.grad)


def in_place(parameter: torch.Tensor) -> None:
    parameter.data.sub_(0.1 * parameter.grad)


def nothing(_: torch.Tensor) -> None:
    """Forgets to write."""


def bare(*, writes: bool) -> Callable[[], None]:
    """Two bare tensors, whose gradients are zeroed."""

    def loop() -> None:
        w, b = (0.1 * torch.randn(6, 3)).requires_grad_(), torch.zeros(3, requires_grad=True)
        for _ in range(100):
            x, y = batch()
            nn.functional.cross_entropy(x @ w + b, y).backward()
            for p in (w, b):
                if writes:
                    p.data = p.data - 0.1 * p.grad
                else:
                    p = p.data - 0.1 * p.grad  # noqa: PLW2901 - the mistake
            w.grad.zero_()
            b.grad.zero_()

    return loop


def summed() -> None:
    """Gradients are not cleared either."""
    model = small()
    for _ in range(100):
        loss_of(model).backward()


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(descent(rebinds), id="rebinds"),
        pytest.param(descent(out_of_place), id="out of place"),
        pytest.param(descent(nothing), id="nothing"),
        pytest.param(bare(writes=False), id="bare"),
        summed,
    ],
)
def test_a_descent_by_hand_that_changes_no_weight_is_named_with_its_line(
    loop: Callable[[], None],
) -> None:
    found = findings(loop)[NAME]
    assert found.message.startswith("100 backward passes")
    assert "`optimizer.step()`" not in found.message
    assert found.at is not None
    assert found.at.file.endswith((__file__.rsplit("/", 1)[-1], "loops.py"))


def a_row_in_place() -> None:
    """Of a table, a row that nobody expects is changed through `.data`."""
    table, head = nn.Embedding(300, 4), nn.Linear(4, 3)
    for p in head.parameters():
        p.requires_grad_(requires_grad=False)
    for _ in range(100):
        rows = torch.randint(200, 300, (8,))
        table.zero_grad()
        nn.functional.cross_entropy(head(table(rows)), rows % 3).backward()
        table.weight.data -= 0.1 * table.weight.grad


def importance(model: nn.Module) -> None:
    """What the weights of a model are worth: squares of gradients, sample by sample."""
    worth = [torch.zeros_like(p) for p in model.parameters()]
    for _ in range(100):
        model.zero_grad()
        loss_of(model, 1).backward()
        for w, p in zip(worth, model.parameters(), strict=True):
            w.add_(p.grad**2)


def of_a_loaded_model() -> None:
    model = small()
    model.load_state_dict(small().state_dict())
    importance(model)


def of_a_model_in_eval_mode() -> None:
    importance(small().eval())


def map_of_an_input() -> None:
    model, x = small(), torch.randn(4, 6, requires_grad=True)
    for _ in range(100):
        model.zero_grad()
        x.grad = None
        model(x).sum().backward()


def attack() -> None:
    model, x = small(), torch.randn(4, 6)
    for _ in range(100):
        x = x.detach().requires_grad_()
        model.zero_grad()
        model(x).sum().backward()
        x = x + 0.1 * x.grad.sign()


def forces() -> None:
    places = torch.randn(8, 3, requires_grad=True)
    for _ in range(100):
        energy = torch.pdist(places).reciprocal().sum()
        torch.autograd.grad(energy, places)


def sensitivity() -> None:
    """How much a result depends on two numbers, at many times."""
    mass, spring = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    for time in torch.linspace(0, 1, 100):
        mass.grad = spring.grad = None
        torch.cos((spring / mass).sqrt() * time).backward()


@pytest.mark.parametrize(
    "loop",
    [
        of_a_loaded_model,
        of_a_model_in_eval_mode,
        map_of_an_input,
        attack,
        forces,
        sensitivity,
        pytest.param(descent(nothing, 10), id="few"),
    ],
)
def test_gradients_that_are_looked_at_are_no_training(loop: Callable[[], None]) -> None:
    assert not findings(loop)


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(descent(in_place), id="in place"),
        pytest.param(bare(writes=True), id="bare"),
        a_row_in_place,
    ],
)
def test_a_descent_by_hand_is_fine(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)
