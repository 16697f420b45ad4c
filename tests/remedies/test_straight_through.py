"""Choices made one-hot hand the gradient on as if they were a softmax."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from tests.support.small import Way, reconnected


def largest(x: Tensor) -> Tensor:
    return one_hot(x.argmax(1), 8).float()


def smallest(x: Tensor) -> Tensor:
    chosen = torch.argmin(x, dim=-1)
    return one_hot(chosen, num_classes=8).to(x.dtype)


def with_a_spare_class(x: Tensor) -> Tensor:
    return one_hot(x.argmax(1), 9)[:, :8].float()


@pytest.mark.parametrize(("way", "sign"), [(largest, 1), (smallest, -1)])
def test_a_choice_is_as_before_and_has_the_gradient_of_a_softmax(way: Way, sign: int) -> None:
    before, after = reconnected(way, "non-differentiable-operation")
    x = torch.randn(4, 8)
    assert torch.allclose(before(x), after(x), atol=1e-6)
    after(x).sum().backward()
    got = after.first.weight.grad.clone()
    after.zero_grad()
    after.last((sign * after.first(x)).softmax(1)).sum().backward()
    assert torch.allclose(got, after.first.weight.grad, atol=1e-6)
    assert got.abs().sum() > 0


def test_a_code_with_more_classes_than_there_are_scores_is_left_alone() -> None:
    before, after = reconnected(with_a_spare_class, "non-differentiable-operation")
    x = torch.randn(4, 8)
    assert torch.equal(before(x), after(x))
