"""GC819: a state was to be loaded before the training, and the model took nothing of it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.support.loops import adam, batch, findings, report, small

NAME = "nothing-loaded"
State = dict[str, Tensor]


def trained(load: Callable[[nn.Module], object]) -> None:
    model, (x, y) = small(), batch()
    load(model)
    optimizer = adam(model)
    for _ in range(20):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def state(prefix: str = "") -> State:
    return {prefix + name: tensor for name, tensor in small().state_dict().items()}


def fitting(model: nn.Module) -> None:
    """Only what fits is loaded, which is nothing."""
    own = model.state_dict()
    own.update({name: t for name, t in state("module.").items() if name in own})
    model.load_state_dict(own)


def part(model: nn.Module) -> None:
    assert isinstance(model, nn.Sequential)
    model[0].load_state_dict(state(), strict=False)


SICK: tuple[Callable[[nn.Module], object], ...] = (
    lambda m: m.load_state_dict(state("module."), strict=False),
    lambda m: m.load_state_dict({}, strict=False),
    fitting,
    part,
)


def second_try(model: nn.Module) -> None:
    model.load_state_dict(state("module."), strict=False)
    model.load_state_dict(state())


def after_training(model: nn.Module) -> None:
    """The best weights are no copy, but nothing is trained after that."""
    optimizer = adam(model)
    x, y = batch()
    functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    model.load_state_dict(model.state_dict())


HEALTHY: tuple[Callable[[nn.Module], object], ...] = (
    lambda m: m.load_state_dict(state()),
    lambda m: m.load_state_dict({k: v for k, v in state().items() if k[0] == "0"}, strict=False),
    lambda m: m.load_state_dict({"2.bias": torch.zeros(3)}, strict=False),
    lambda _: small(4, 2).load_state_dict({}, strict=False),
    second_try,
    after_training,
    lambda _: None,
)


@pytest.mark.parametrize("load", SICK, ids=range(len(SICK)))
def test_a_state_of_which_nothing_is_taken(load: Callable[[nn.Module], object]) -> None:
    found = findings(lambda: trained(load))[NAME]
    assert "took 0" in found.message
    assert found.at is not None
    assert found.at.file.endswith("test_nothing_loaded.py")


@pytest.mark.parametrize("load", HEALTHY, ids=range(len(HEALTHY)))
def test_a_state_that_is_taken_or_was_meant_for_others(load: Callable[[nn.Module], object]) -> None:
    assert NAME not in findings(lambda: trained(load))


def test_it_names_both_sides_in_the_headline() -> None:
    told = report(lambda: trained(SICK[0])).headline
    assert told.startswith(NAME)
    assert "module.0.weight, and holds 0.weight" in told
