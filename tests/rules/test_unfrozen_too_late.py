"""GC810: parameters that were frozen when the optimizer was made, and that it never got."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from gradcheck_cli.records.finding import Severity
from tests.support.loops import findings, mistakes, report, small, update

NAME = "unfrozen-too-late"
Late = Callable[[nn.Sequential, torch.optim.Optimizer, int], object]


def training(late: Late, *, everything: bool = False) -> Callable[[], None]:
    """Return a loop that freezes the first layer, makes the optimizer, and then does `late`."""

    def loop() -> None:
        model = small()
        model[0].requires_grad_(False)
        held = [p for p in model.parameters() if everything or p.requires_grad]
        optimizer = torch.optim.SGD(held, lr=0.1)
        for step in range(12):
            late(model, optimizer, step)
            update(model, optimizer)

    return loop


def at_once(model: nn.Sequential, _: object, step: int) -> None:
    if not step:
        model[0].requires_grad_(True)


def in_the_middle(model: nn.Sequential, _: object, step: int) -> None:
    if step == 6:
        model.requires_grad_(True)


@pytest.mark.parametrize("late", [at_once, in_the_middle])
def test_it_is_found_where_the_optimizer_was_made(late: Late) -> None:
    found = findings(training(late))[NAME]
    assert (found.severity, found.layers) == (Severity.ERROR, ("0",))
    assert found.at is not None
    assert found.at.file.endswith("test_unfrozen_too_late.py")


def test_it_leads_the_report() -> None:
    assert report(training(at_once)).headline.startswith(NAME)


def nothing(*_: object) -> None:
    """It stays frozen."""


def takes_them(model: nn.Sequential, optimizer: torch.optim.Optimizer, step: int) -> None:
    if step == 6:
        model[0].requires_grad_(True)
        optimizer.add_param_group({"params": list(model[0].parameters())})


def two_stages() -> None:
    model = small()
    model[0].requires_grad_(False)
    for _ in range(2):
        optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
        for _ in range(6):
            update(model, optimizer)
        model.requires_grad_(True)


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(training(nothing), id="stays frozen"),
        pytest.param(training(in_the_middle, everything=True), id="held from the start"),
        pytest.param(training(takes_them), id="added as a group"),
        two_stages,
    ],
)
def test_unfreezing_that_the_optimizer_knows_of_is_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()
