"""Numbers that leave torch and come back, and choices made one-hot, hand the gradient on."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from tests.remedies.small import case_of, proposals, treated

Way = Callable[[Tensor], Tensor]


def by_list(x: Tensor) -> Tensor:
    return torch.tensor(x.tolist())


def by_array(x: Tensor) -> Tensor:
    return torch.from_numpy(x.detach().cpu().numpy().copy())


def by_asarray(x: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(x.detach()))


def doubled_by_array(x: Tensor) -> Tensor:
    return torch.from_numpy(2 * x.detach().numpy())


def largest(x: Tensor) -> Tensor:
    return one_hot(x.argmax(1), 8).float()


def smallest(x: Tensor) -> Tensor:
    chosen = torch.argmin(x, dim=-1)
    return one_hot(chosen, num_classes=8).to(x.dtype)


def with_a_spare_class(x: Tensor) -> Tensor:
    return one_hot(x.argmax(1), 9)[:, :8].float()


class Between(nn.Module):
    def __init__(self, way: Way) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.last = nn.Linear(8, 3)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.way(self.first(x)))


def healed(way: Way, cause: str) -> tuple[Between, Between]:
    """The model as it was and as treated, of the same weights."""
    target, case = case_of(lambda: Between(way), cause)
    [proposal] = [p for p in proposals(case, "reconnect-graph") if p.change is not None]
    assert proposal.edits == ()  # no call can simply be exchanged in the source
    assert proposal.fix.at is not None
    assert proposal.fix.at.file.endswith("test_returning.py")
    return target.build().model, target.build([proposal.change]).model


@pytest.mark.parametrize("way", [by_list, by_array, by_asarray])
def test_numbers_that_come_back_unchanged_have_the_gradient_of_the_tensor(way: Way) -> None:
    before, after = healed(way, "detached-graph")
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
    before, after = healed(doubled_by_array, "detached-graph")
    x = torch.randn(4, 8)
    assert torch.equal(before(x), after(x))
    after(x).sum().backward()
    assert after.first.weight.grad is None


@pytest.mark.parametrize(("way", "sign"), [(largest, 1), (smallest, -1)])
def test_a_choice_is_as_before_and_has_the_gradient_of_a_softmax(way: Way, sign: int) -> None:
    before, after = healed(way, "non-differentiable-operation")
    x = torch.randn(4, 8)
    assert torch.allclose(before(x), after(x), atol=1e-6)
    after(x).sum().backward()
    got = after.first.weight.grad.clone()
    after.zero_grad()
    after.last((sign * after.first(x)).softmax(1)).sum().backward()
    assert torch.allclose(got, after.first.weight.grad, atol=1e-6)
    assert got.abs().sum() > 0


def test_a_code_with_more_classes_than_there_are_scores_is_left_alone() -> None:
    before, after = healed(with_a_spare_class, "non-differentiable-operation")
    x = torch.randn(4, 8)
    assert torch.equal(before(x), after(x))


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
