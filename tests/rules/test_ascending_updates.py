"""GC816: an optimizer that goes up."""

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from tests.support.loops import findings, mistakes, quiet, small, update

NAME = "ascending-updates"


def maximizing() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    for _ in range(12):
        update(model, optimizer)


def negative() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = LambdaLR(optimizer, lambda n: 1 - n / 2)
    for _ in range(12):
        update(model, optimizer)
        scheduler.step()


@pytest.mark.parametrize("loop", [maximizing, quiet(negative)], ids=["maximize", "negative"])
def test_it_is_an_error_at_once(loop: object) -> None:
    found = findings(loop)[NAME]
    assert found.at is not None
    assert found.at.file.endswith("test_ascending_updates.py")


def a_score() -> None:
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    for _ in range(12):
        optimizer.zero_grad()
        torch.tanh(model(torch.randn(32, 6))).mean().backward()
        optimizer.step()


def a_likelihood() -> None:
    model = torch.nn.Linear(6, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03, maximize=True)
    for _ in range(40):
        x = torch.randn(64, 6)
        optimizer.zero_grad()
        mean, spread = model(x).unbind(1)
        density = torch.distributions.Normal(mean, spread.exp())
        density.log_prob(x.sum(1) + 0.3 * torch.randn(64)).mean().backward()
        optimizer.step()


def an_attack() -> None:
    model = small().requires_grad_(requires_grad=False)
    x = torch.randn(8, 6, requires_grad=True)
    optimizer = torch.optim.SGD([x], lr=0.1, maximize=True)
    for _ in range(12):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), torch.zeros(8, dtype=torch.long)).backward()
        optimizer.step()


@pytest.mark.parametrize("loop", [a_score, a_likelihood, an_attack])
def test_scores_that_are_to_grow_and_inputs_made_worse_are_fine(loop: object) -> None:
    assert mistakes(loop) == set()
