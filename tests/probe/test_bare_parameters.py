"""Whatever is trained is read: parameters that no called module holds, and updates by hand."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, vmap

from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.probe.session import Session
from gradcheck_cli.records.report import Verdict
from gradcheck_cli.records.trace import Trace
from tests.support.loops import adam, batch, mistakes, report, small, watched

STEPS = 60


def bare_tensors() -> None:
    w1 = (torch.randn(6, 16) * 0.3).requires_grad_()
    b1 = torch.zeros(16, requires_grad=True)
    w2 = (torch.randn(16, 3) * 0.3).requires_grad_()
    optimizer = torch.optim.Adam([w1, b1, w2], lr=1e-2)
    for _ in range(STEPS):
        x, y = batch()
        loss = nn.functional.cross_entropy(torch.relu(x @ w1 + b1) @ w2, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def forward_called_directly() -> None:
    model = small()
    optimizer = adam(model)
    for _ in range(STEPS):
        x, y = batch()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model.forward(x), y).backward()
        optimizer.step()


def an_input() -> None:
    model = small().requires_grad_(requires_grad=False)
    x = torch.randn(4, 6, requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.05)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (model(x) - 1).square().mean().backward()
        optimizer.step()


def a_dictionary_of_parameters() -> None:
    model = small()
    params = {k: v.detach().clone().requires_grad_() for k, v in model.named_parameters()}
    optimizer = torch.optim.Adam(params.values(), lr=1e-2)

    def loss(held: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(model, held, (x,)), y)

    for _ in range(STEPS):
        found, _ = grad_and_value(loss)(params, *batch())
        for name, parameter in params.items():
            parameter.grad = found[name].detach()
        optimizer.step()
        optimizer.zero_grad()


def meta_learning() -> None:
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = adam(model)

    def loss(held: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(functional_call(model, held, (x,)), y)

    def task(held: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        slopes = grad(loss)(held, x, y)
        return loss({k: held[k] - 0.01 * slopes[k] for k in held}, x, y)

    for _ in range(STEPS):
        x = torch.randn(8, 10, 1)
        optimizer.zero_grad()
        vmap(task, (None, 0, 0))(dict(model.named_parameters()), x, 2 * x + 1).mean().backward()
        optimizer.step()


def by_hand(update: Callable[[torch.Tensor], object]) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        for _ in range(STEPS):
            x, y = batch()
            model.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            for parameter in model.parameters():
                update(parameter)

    return loop


def through_data(parameter: torch.Tensor) -> None:
    parameter.data -= 0.3 * parameter.grad


@torch.no_grad()
def in_place(parameter: torch.Tensor) -> None:
    parameter.add_(parameter.grad, alpha=-0.3)
    parameter.grad = None


def bare_by_hand() -> None:
    w = (torch.randn(6, 3) * 0.1).requires_grad_()
    b = torch.zeros(3, requires_grad=True)
    for _ in range(STEPS):
        x, y = batch()
        loss = nn.functional.cross_entropy(x @ w + b, y)
        of_w, of_b = torch.autograd.grad(loss, (w, b))
        with torch.no_grad():
            w -= 0.5 * of_w
            b -= 0.5 * of_b


HEALTHY = [
    bare_tensors,
    forward_called_directly,
    an_input,
    a_dictionary_of_parameters,
    meta_learning,
    pytest.param(by_hand(through_data), id="p.data -= rate * p.grad"),
    pytest.param(by_hand(in_place), id="p.add_(p.grad)"),
    bare_by_hand,
]


def trace_of(loop: Callable[[], None]) -> Trace:
    [session] = watched(loop)
    return session.trace()


@pytest.mark.parametrize("loop", HEALTHY)
def test_loss_gradients_and_true_updates_are_read(loop: Callable[[], None]) -> None:
    trace = trace_of(loop)
    assert trace.taken >= STEPS - 3
    assert len(set(trace.losses)) > STEPS / 2
    matrices = [x for x in trace.layers if x.weight is not None and len(x.weight.shape) > 1]
    assert matrices
    read = [r for s in trace.observed for x in matrices if (r := s.readings.get(x.path))]
    assert any(r.weight_grad is not None and r.weight_grad.norm > 0 for r in read)
    assert any(r.update is not None and r.update.norm > 0 for r in read)


@pytest.mark.parametrize("loop", HEALTHY)
def test_what_learns_is_never_sick(loop: Callable[[], None]) -> None:
    told = report(loop)
    assert told.verdict is not Verdict.SICK, told.headline
    assert mistakes(loop) == set()


def test_bare_tensors_have_the_names_of_their_variables() -> None:
    assert [x.path for x in trace_of(bare_tensors).layers if x.parameters] == ["w1", "w2", "b1"]
    names = {p.name for x in trace_of(a_dictionary_of_parameters).layers for p in x.parameters}
    assert names == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_a_true_update_by_hand_is_the_change_of_the_weight() -> None:
    trace = trace_of(by_hand(through_data))
    for step in trace.observed:
        reading = step.readings["0"]
        if reading.update is not None and reading.weight_grad is not None:
            assert reading.update.norm == pytest.approx(0.3 * reading.weight_grad.norm, rel=1e-3)


def zeros() -> None:
    w1 = torch.zeros(6, 16, requires_grad=True)
    w2 = torch.zeros(16, 3, requires_grad=True)
    optimizer = torch.optim.SGD([w1, w2], lr=0.1)
    for _ in range(STEPS):
        x, y = batch()
        optimizer.zero_grad()
        nn.functional.cross_entropy(torch.relu(x @ w1) @ w2, y).backward()
        optimizer.step()


def saturated_by_hand() -> None:
    model = nn.Sequential(nn.Linear(6, 16), nn.Sigmoid(), nn.Linear(16, 3))
    model[0].weight.data.fill_(1e4)
    model[0].bias.data.fill_(1e6)
    for _ in range(STEPS):
        x, y = batch()
        model.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        for parameter in model.parameters():
            parameter.data -= 0.1 * parameter.grad


@pytest.mark.parametrize("loop", [zeros, saturated_by_hand])
def test_what_does_not_learn_is_sick(loop: Callable[[], None]) -> None:
    assert report(loop).verdict is Verdict.SICK


def test_a_script_that_trains_nothing_is_no_training() -> None:
    def attack() -> None:
        model = small()
        x = torch.randn(4, 6, requires_grad=True)
        for _ in range(4):
            model(x).sum().backward()
            x = (x + 0.1 * x.grad.sign()).detach().requires_grad_()

    assert watched(attack) == []


def test_weights_are_the_same_with_and_without_being_watched() -> None:
    kept: list[torch.Tensor] = []

    def loop() -> None:
        torch.manual_seed(3)
        w = (torch.randn(6, 3) * 0.1).requires_grad_()
        for _ in range(20):
            x, y = batch()
            loss = nn.functional.cross_entropy(x @ w, y)
            loss.backward()
            w.data -= 0.5 * w.grad
            w.grad = None
        kept.append(w.detach())

    loop()
    watched(loop)
    assert torch.equal(*kept)


class Enough(Exception):
    """Ends a script."""


@pytest.mark.parametrize("wanted", [3, 4])
def test_a_script_of_updates_by_hand_is_ended_once(wanted: int) -> None:
    def stops(session: Session) -> None:
        if session.steps >= 3:
            raise Enough

    weight = torch.zeros(4, requires_grad=True)
    with Everywhere(on_step=stops) as seen:
        ending = (
            pytest.raises(Enough) if wanted > 3 else nullcontext()
        )  # the last is seen at the end
        with ending:
            for _ in range(wanted):
                [slope] = torch.autograd.grad((weight - 1).square().sum(), [weight])
                with torch.no_grad():
                    weight.sub_(0.1 * slope)
    assert [session.steps for session in seen.sessions] == [3]
