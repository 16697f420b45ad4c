"""GC801: updates by gradients that earlier updates had already used."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_cli.records.diagnosis import Basis
from gradcheck_cli.records.finding import Severity
from tests.support.loops import (
    adam,
    by_lbfgs,
    findings,
    loss_of,
    mistakes,
    report,
    small,
    two_losses,
)

NAME = "gradients-not-cleared"


def never(steps: int = 12) -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        loss_of(model).backward()
        optimizer.step()


def once_per_epoch() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(6):
            loss_of(model).backward()
            optimizer.step()


def only_half_of_the_parameters() -> None:
    body, head = small(6, 16), nn.Linear(16, 3)
    optimizer = adam(nn.ModuleList([body, head]))
    for _ in range(12):
        body.zero_grad()
        x = torch.randn(32, 6)
        nn.functional.cross_entropy(head(body(x)), x[:, :3].argmax(1)).backward()
        optimizer.step()


class Patient(torch.optim.SGD):
    """Moves once in four steps, on the sum of four gradients."""

    taken = 0

    def step(self, closure: object = None) -> None:
        self.taken += 1
        if self.taken % 4 == 0:
            super().step(closure)


class ThroughData(torch.optim.Optimizer):
    """Moves weights as was usual once: through `.data`, which leaves no mark on them."""

    def __init__(self, params: object) -> None:
        super().__init__(params, {"lr": 0.05})

    def step(self, closure: object = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.data.add_(p.grad.data, alpha=-group["lr"])


def by_a_patient_optimizer(*, clears: bool = False) -> None:
    model = small()
    optimizer = Patient(model.parameters(), lr=0.05)
    for i in range(24):
        loss_of(model).backward()
        optimizer.step()
        if clears and i % 4 == 3:
            optimizer.zero_grad()


def patient_and_cleared() -> None:
    by_a_patient_optimizer(clears=True)


def through_data() -> None:
    model = small()
    optimizer = ThroughData(model.parameters())
    for _ in range(12):
        loss_of(model).backward()
        optimizer.step()


@pytest.mark.parametrize(
    "loop",
    [never, once_per_epoch, only_half_of_the_parameters, through_data],
)
def test_gradients_that_stay_are_found_at_the_line_of_the_update(
    loop: Callable[[], None],
) -> None:
    found = findings(loop)[NAME]
    assert (found.code, found.severity) == ("GC801", Severity.ERROR)
    assert found.at is not None
    assert found.at.file.endswith("test_gradients_not_cleared.py")
    assert found.evidence[0].measured > 0.8


def test_an_optimizer_that_moves_in_every_fourth_step_has_to_be_cleared_too() -> None:
    assert findings(by_a_patient_optimizer)[NAME].severity is Severity.ERROR


def test_it_leads_the_report_and_explains_what_else_was_found() -> None:
    told = report(lambda: never(40))
    assert told.headline.startswith(NAME)
    assert told.causes[0].name == NAME
    assert told.causes[0].basis is Basis.FACT
    assert set(told.causes[0].explains) == {
        f.code for f in told.findings if f.severity is not Severity.NOTE
    }
    assert [f.name for f in told.fixes] == ["mend-loop"]
    assert "zero_grad" in told.fixes[0].code


def clearing(clear: Callable[[nn.Module, torch.optim.Optimizer], object]) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(8):
            clear(model, optimizer)
            loss_of(model).backward()
            optimizer.step()

    return loop


def zero_data(model: nn.Module, _: object) -> None:
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.data.zero_()


def forget(model: nn.Module, _: object) -> None:
    for parameter in model.parameters():
        parameter.grad = None


def accumulation() -> None:
    model = small()
    optimizer = adam(model)
    for i in range(24):
        (loss_of(model) / 4).backward()
        if i % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


def gan() -> None:
    generator, critic = small(4, 6), small(6, 1)
    for_generator, for_critic = adam(generator), adam(critic)
    for _ in range(8):
        for_critic.zero_grad()
        (
            critic(generator(torch.randn(16, 4))).mean() - critic(torch.randn(16, 6)).mean()
        ).backward()
        for_critic.step()
        for_generator.zero_grad()
        (-critic(generator(torch.randn(16, 4))).mean()).backward()
        for_generator.step()


def gradient_penalty() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(8):
        optimizer.zero_grad()
        x = torch.randn(16, 6, requires_grad=True)
        y = model(x).square().mean()
        [slope] = torch.autograd.grad(y, x, create_graph=True)
        (y + slope.square().sum()).backward()
        optimizer.step()


def second_order() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(8):
        optimizer.zero_grad()
        loss_of(model).backward(create_graph=True)
        penalty = sum(p.grad.square().sum() for p in model.parameters())
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        optimizer.zero_grad()


def alternating() -> None:
    model = small()
    body = torch.optim.SGD(model[0].parameters(), lr=0.1)
    head = torch.optim.SGD(model[2].parameters(), lr=0.1)
    for i in range(12):
        model.zero_grad()
        loss_of(model).backward()
        (head if i % 2 else body).step()


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(clearing(lambda _, o: o.zero_grad()), id="to none"),
        pytest.param(clearing(lambda _, o: o.zero_grad(set_to_none=False)), id="to zero"),
        pytest.param(clearing(lambda m, _: m.zero_grad()), id="by the model"),
        pytest.param(clearing(zero_data), id="data.zero_"),
        pytest.param(clearing(forget), id="grad = None"),
        accumulation,
        patient_and_cleared,
        two_losses,
        gan,
        gradient_penalty,
        second_order,
        by_lbfgs,
        alternating,
    ],
)
def test_every_way_to_clear_and_every_intended_pattern_is_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()


Update = Callable[[torch.Tensor], object]


def by_hand(update: Update, clear: Update, *, passes: int = 1) -> Callable[[], None]:
    """Return a loop that updates by its own lines, after so many passes, and clears by its own."""

    def loop() -> None:
        model = small()
        for _ in range(24):
            for _ in range(passes):
                (loss_of(model) / passes).backward()
            for parameter in model.parameters():
                update(parameter)
            for parameter in model.parameters():
                clear(parameter)

    return loop


def by_data(p: torch.Tensor) -> None:
    p.data -= 0.02 * p.grad


def through_add(p: torch.Tensor) -> None:
    p.data.add_(p.grad.data, alpha=-0.02)


@torch.no_grad()
def in_place(p: torch.Tensor) -> None:
    p -= 0.02 * p.grad


def to_none(p: torch.Tensor) -> None:
    p.grad = None


def to_zero(p: torch.Tensor) -> None:
    p.grad.zero_()


def to_zero_by_data(p: torch.Tensor) -> None:
    p.grad.data.zero_()


def slowly_forget(p: torch.Tensor) -> None:
    """Keep nine tenths of the gradient on purpose: momentum."""
    p.grad.mul_(0.9)


def stay(_: torch.Tensor) -> None:
    """Leave the gradient where it is."""


def bare(clear: Update) -> Callable[[], None]:
    def loop() -> None:
        w = (torch.randn(6, 3) * 0.1).requires_grad_()
        b = torch.zeros(3, requires_grad=True)
        for _ in range(24):
            x = torch.randn(32, 6)
            nn.functional.cross_entropy(x @ w + b, x[:, :3].argmax(1)).backward()
            for p in (w, b):
                in_place(p)
                clear(p)

    return loop


def cleared_at_the_top(*, clears: bool = True) -> None:
    model = small()
    for _ in range(24):
        if clears:
            model.zero_grad()
        loss_of(model).backward()
        for p in model.parameters():
            by_data(p)


def an_input_of_a_fixed_network() -> None:
    """The gradients of the network add up, and no one uses them."""
    model, x = small(), torch.randn(4, 6, requires_grad=True)
    for _ in range(24):
        (model(x) - 1).square().mean().backward()
        by_data(x)
        to_none(x)


def two_networks_by_hand() -> None:
    """What the pass of one leaves in the other is cleared before the other's pass."""
    generator, critic = small(4, 6), small(6, 1)
    for _ in range(12):
        critic.zero_grad()
        fake = generator(torch.randn(16, 4))
        (critic(fake.detach()).mean() - critic(torch.randn(16, 6)).mean()).backward()
        for p in critic.parameters():
            by_data(p)
        generator.zero_grad()
        (-critic(generator(torch.randn(16, 4))).mean()).backward()
        for p in generator.parameters():
            by_data(p)


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(by_hand(by_data, stay), id="data -="),
        pytest.param(by_hand(through_add, stay), id="data.add_"),
        pytest.param(by_hand(in_place, stay), id="in place"),
        pytest.param(by_hand(by_data, stay, passes=3), id="after several passes"),
        pytest.param(bare(stay), id="bare tensors"),
        pytest.param(lambda: cleared_at_the_top(clears=False), id="not at the top"),
    ],
)
def test_gradients_that_stay_where_no_optimizer_updates_are_found(
    loop: Callable[[], None],
) -> None:
    found = findings(loop)[NAME]
    assert (found.code, found.severity) == ("GC801", Severity.ERROR)
    assert found.at is not None
    assert found.evidence[0].measured > 0.8
    assert "optimizer.zero_grad" not in found.message
    assert "p.grad = None" in found.message


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(by_hand(by_data, to_none), id="to none"),
        pytest.param(by_hand(in_place, to_zero), id="to zero"),
        pytest.param(by_hand(through_add, to_zero_by_data), id="through data"),
        pytest.param(by_hand(by_data, to_none, passes=3), id="after several passes"),
        pytest.param(by_hand(in_place, slowly_forget), id="momentum in the gradient"),
        pytest.param(bare(to_none), id="bare tensors"),
        pytest.param(cleared_at_the_top, id="at the top"),
        an_input_of_a_fixed_network,
        two_networks_by_hand,
    ],
)
def test_updates_by_hand_that_clear_are_fine(loop: Callable[[], None]) -> None:
    assert NAME not in findings(loop)


def test_the_fix_of_a_loop_without_an_optimizer_is_a_line_for_it() -> None:
    [fix] = [f for f in report(by_hand(by_data, stay)).fixes if f.name == "mend-loop"]
    assert "p.grad = None" in fix.code
    assert "optimizer" not in fix.code
