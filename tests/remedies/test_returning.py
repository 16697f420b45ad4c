"""Numbers that leave torch and come back hand the gradient on."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.small import Between, Way, case_of, proposals, reconnected, treated


def by_list(x: Tensor) -> Tensor:
    return torch.tensor(x.tolist())


def by_array(x: Tensor) -> Tensor:
    return torch.from_numpy(x.detach().cpu().numpy().copy())


def by_asarray(x: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(x.detach()))


def doubled_by_array(x: Tensor) -> Tensor:
    return torch.from_numpy(2 * x.detach().numpy())


@pytest.mark.parametrize("way", [by_list, by_array, by_asarray])
def test_numbers_that_come_back_unchanged_have_the_gradient_of_the_tensor(way: Way) -> None:
    before, after = reconnected(way, "detached-graph")
    x = torch.randn(4, 8)
    assert torch.equal(before(x), after(x))
    after(x).square().sum().backward()
    after.last(after.first(x)).square().sum().backward()
    twice = after.first.weight.grad.clone()
    after.zero_grad()
    after.last(after.first(x)).square().sum().backward()
    assert torch.allclose(twice, 2 * after.first.weight.grad)
    assert after.first.weight.grad.abs().sum() > 0


def test_numbers_that_were_changed_on_the_way_stay_without_a_gradient() -> None:
    before, after = reconnected(doubled_by_array, "detached-graph")
    x = torch.randn(4, 8)
    assert torch.equal(before(x), after(x))
    after(x).sum().backward()
    assert after.first.weight.grad is None


def test_no_tensor_is_kept_after_the_forward_pass() -> None:
    target, case = case_of(lambda: Between(by_list), "detached-graph")
    [proposal] = proposals(case, "reconnect-graph")
    model = treated(target, proposal).model
    first = model.first.weight.grad.clone()
    model(torch.zeros(4, 8))
    model.zero_grad()
    model(torch.zeros(4, 8)).sum().backward()
    assert first.abs().sum() > 0
    assert model.first.weight.grad.abs().sum() == 0  # of inputs that are zero, not of earlier ones
