"""Outputs that the training loop itself takes out of the graph, between two modules."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.support.loops import Loop, quiet, report, small


def no_graph(encoder: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return encoder(x)


WAYS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "detach": lambda encoder, x: encoder(x).detach(),
    "data": lambda encoder, x: encoder(x).data,
    "numpy": lambda encoder, x: torch.from_numpy(encoder(x).detach().numpy()),
    "tensor": lambda encoder, x: torch.tensor(encoder(x)),
    "tolist": lambda encoder, x: torch.tensor(encoder(x).tolist()),
    "no_grad": no_graph,
}


def training(between: Callable[[nn.Module, Tensor], Tensor]) -> Loop:
    def loop() -> None:
        encoder, head = small(6, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 3))
        optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-2)
        for _ in range(30):
            x = torch.randn(32, 6)
            optimizer.zero_grad()
            logits = head(between(encoder, x))
            loss = functional.cross_entropy(logits, x[:, :3].argmax(1))
            loss.backward()
            optimizer.step()
            float(loss.detach()), logits.argmax(1), encoder(x).detach().numpy()

    return loop


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_that_cuts_the_graph_between_two_modules_is_shown_its_line(way: str) -> None:
    seen = report(quiet(training(WAYS[way])))
    [cause, *_] = seen.causes
    assert cause.name == "detached-graph"
    assert cause.at is not None
    assert cause.at.file.endswith("test_loose_ends.py")
    [found] = [f for f in seen.findings if f.name == "disconnected-parameter"]
    assert "test_loose_ends.py" in found.message


def thresholded(*, cut: bool, reports: bool) -> Loop:
    def loop() -> None:
        model = small(6, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(30):
            x = torch.randn(32, 6)
            chance = model(x)[:, 0].sigmoid()
            guess = (chance > 0.5).float()
            loss = ((guess if cut else chance) - (x[:, 0] > 0).float()).square().mean()
            if reports:
                loss = torch.tensor(loss.item())
            optimizer.zero_grad()
            loss.requires_grad_().backward()
            optimizer.step()

    return loop


@pytest.mark.parametrize(
    ("cut", "reports", "cause"),
    [
        (True, False, "non-differentiable-operation"),
        (False, True, "loss-rewrapped"),
        (True, True, "loss-rewrapped"),
    ],
)
def test_what_took_the_loss_out_of_the_graph_is_named(cut: bool, reports: bool, cause: str) -> None:
    seen = report(quiet(thresholded(cut=cut, reports=reports)))
    assert seen.causes[0].name == cause
    if cause.startswith("non"):
        assert "gt at" in seen.causes[0].reasons[0]


def test_a_comparison_beside_a_loss_with_a_gradient_is_fine() -> None:
    names = {f.name for f in report(thresholded(cut=False, reports=False)).findings}
    assert not names & {"disconnected-parameter", "loss-rewrapped"}


def test_a_loop_that_detaches_only_to_report_is_fine() -> None:
    seen = report(training(lambda encoder, x: encoder(x)))
    assert not [f for f in seen.findings if f.name == "disconnected-parameter"]
