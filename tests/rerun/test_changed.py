"""Changes as they are made to the live objects of a script."""

from contextlib import ExitStack

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.probe.listening import leave
from gradcheck_cli.probe.subjects import Group
from gradcheck_cli.rerun.changed import Tuning, apply, shift_seeds
from gradcheck_cli.targets.change import Change


def tenfold(optimizer: torch.optim.Optimizer) -> None:
    for group in optimizer.param_groups:
        group["lr"] *= 10


def test_a_multiplied_rate_follows_the_scripts_own_schedule() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    Tuning(optimizer, [Change(summary="", optimizer=tenfold)])
    moved = []
    for _ in range(3):
        weight.grad = torch.ones(1)
        before = weight.item()
        optimizer.step()
        schedule.step()
        moved.append(before - weight.item())
    assert moved == pytest.approx([1.0, 0.5, 0.25])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0125)


def test_warm_up_and_clipping_hold_during_steps_only() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    Tuning(optimizer, [Change(summary="", warm_up=4, clip=0.5)])
    moved = []
    for _ in range(5):
        weight.grad = torch.full((1,), 7.0)
        before = weight.item()
        optimizer.step()
        moved.append(before - weight.item())
    assert moved == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5], rel=1e-3)
    assert optimizer.param_groups[0]["lr"] == 1.0


def test_new_layers_are_trained_and_inputs_are_changed() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def exchange(whole: nn.Module) -> None:
        setattr(whole, "0", nn.Linear(2, 2))

    change = Change(summary="", model=exchange, inputs=lambda x: x * 0)
    state = torch.get_rng_state()
    with ExitStack() as stack:
        apply([change], Group((model,), (optimizer,)), ("",), stack.enter_context)
    assert torch.equal(torch.get_rng_state(), state)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.parameters()}
    assert torch.equal(model(torch.ones(1, 2)), model(torch.zeros(1, 2)))


def test_a_loss_is_changed_where_the_script_calls_it() -> None:
    model = nn.Linear(2, 1)
    seen = []

    def wrap(criterion: object) -> object:
        def judged(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            seen.append(output.shape)
            return criterion(output.squeeze(-1), target)  # type: ignore[operator,no-any-return]

        return judged

    with ExitStack() as stack:
        apply([Change(summary="", loss=wrap)], Group((model,), ()), ("",), stack.enter_context)
    try:
        value = nn.MSELoss()(torch.ones(3, 1), torch.ones(3))
    finally:
        leave(torch.overrides._get_current_function_mode_stack()[0])
    assert seen == [(3, 1)]
    assert value == 0
    assert F.mse_loss(torch.ones(3), torch.ones(3)) == 0


def test_a_change_that_replaces_the_whole_model_is_refused() -> None:
    model = nn.Linear(2, 1)
    change = Change(summary="", model=lambda _: nn.Linear(2, 1))
    with pytest.raises(CannotDiagnoseError, match="the script holds the model"):
        apply([change], Group((model,), ()), ("",), lambda _: None)


def test_seeds_that_a_script_sets_are_shifted_and_put_back() -> None:
    plain = torch.manual_seed(5).initial_seed()
    with ExitStack() as stack:
        shift_seeds(2, stack.enter_context)
        assert torch.manual_seed(5).initial_seed() != plain
    assert torch.manual_seed(5).initial_seed() == plain
