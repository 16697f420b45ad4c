"""GC811: parameters that were created after the optimizer, and that it never got."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, mistakes, report, small, update

NAME = "added-after-optimizer"


def trained(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 10) -> None:
    for _ in range(steps):
        update(model, optimizer)


def new_head() -> None:
    model = small(6, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[2] = nn.Linear(16, 3)
    trained(model, optimizer)


def new_tensors() -> None:
    """What was loaded replaces the parameters instead of filling them."""
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept = copy.deepcopy(model.state_dict())
    model[0].load_state_dict({"weight": kept["0.weight"], "bias": kept["0.bias"]}, assign=True)
    trained(model, optimizer)


def grown() -> None:
    """A layer joins in the middle of the training."""
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trained(model, optimizer)
    model.append(nn.Linear(3, 3))
    trained(model, optimizer)


@pytest.mark.parametrize("loop", [new_head, new_tensors, grown])
def test_it_is_found_where_the_optimizer_was_made(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert found.severity is Severity.ERROR
    assert found.at is not None
    assert found.at.file.endswith("test_added_after_optimizer.py")


def test_it_leads_the_report() -> None:
    told = report(new_head)
    assert told.headline.startswith(NAME)
    assert "2" in told.findings[0].message


def before() -> None:
    model = small(6, 5)
    model[2] = nn.Linear(16, 3)
    trained(model, adam(model))


def as_a_group() -> None:
    model = small()
    optimizer = adam(model)
    trained(model, optimizer)
    model.append(extra := nn.Linear(3, 3))
    optimizer.add_param_group({"params": list(extra.parameters())})
    trained(model, optimizer)


def lazy() -> None:
    model = nn.Sequential(nn.LazyLinear(16), nn.Tanh(), nn.Linear(16, 3))
    trained(model, torch.optim.SGD(model.parameters(), lr=0.1))


def gan() -> None:
    generator = small(4, 6)
    for_generator = adam(generator)
    critic = small(6, 1)
    for_critic = adam(critic)
    for _ in range(8):
        for_critic.zero_grad()
        (critic(generator(torch.randn(16, 4))) - critic(torch.randn(16, 6))).mean().backward()
        for_critic.step()
        for_generator.zero_grad()
        (-critic(generator(torch.randn(16, 4))).mean()).backward()
        for_generator.step()


def average() -> None:
    model = small()
    optimizer = adam(model)
    kept = copy.deepcopy(model).requires_grad_(False)
    trained(model, optimizer)
    assert kept(torch.randn(2, 6)).shape == (2, 3)


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("loop", [before, as_a_group, lazy, gan, average])
def test_what_an_optimizer_holds_or_nobody_is_to_train_is_fine(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)


def test_a_whole_other_model_has_a_finding_of_its_own() -> None:
    def loop() -> None:
        optimizer = adam(small())
        trained(small(), optimizer)

    assert mistakes(loop) == {"optimizer-of-another-model"}
