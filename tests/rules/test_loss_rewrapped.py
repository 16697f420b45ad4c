"""GC808: a loss that is a number made a tensor again."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.support.loops import adam, findings, loss_of, mistakes, report, small

NAME = "loss-rewrapped"


def wrapped(how: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(25):
            optimizer.zero_grad()
            how(loss_of(model)).backward()
            optimizer.step()

    return loop


@pytest.mark.parametrize(
    "how",
    [
        lambda x: torch.tensor(x.item(), requires_grad=True),
        lambda x: x.detach().requires_grad_(),
        lambda x: 2 * torch.tensor(x.item(), requires_grad=True) + 1,
    ],
    ids=["torch.tensor", "detach", "scaled"],
)
def test_the_backward_pass_that_leads_nowhere_is_named_with_its_line(
    how: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    found = findings(wrapped(how))[NAME]
    assert found.at is not None
    assert found.at.file.endswith("test_loss_rewrapped.py")
    assert report(wrapped(how)).headline.startswith(NAME)


def one_number() -> None:
    """The loss is trained itself: a temperature."""
    model, heat = small(), nn.Parameter(torch.tensor(2.0))
    optimizer = torch.optim.Adam([*model.parameters(), heat])
    for i in range(20):
        optimizer.zero_grad()
        (heat.square() if i % 2 else loss_of(model)).backward()
        optimizer.step()


@pytest.mark.parametrize("loop", [pytest.param(wrapped(lambda x: x / 2), id="scaled"), one_number])
def test_losses_that_lead_to_parameters_are_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()


def test_parameters_of_one_number_that_another_optimizer_should_hold_are_no_wrapped_number() -> (
    None
):
    def loop() -> None:
        held, run = nn.Linear(1, 1), nn.Linear(1, 1)
        optimizer = adam(held)
        for _ in range(12):
            x = torch.rand(16, 1)
            optimizer.zero_grad()
            (run(x) - 2 * x).abs().mean().backward()
            optimizer.step()

    assert mistakes(loop) == {"optimizer-of-another-model"}
