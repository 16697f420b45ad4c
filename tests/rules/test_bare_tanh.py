"""Networks of bare tensors: saturated by weights that are too large, and with weights that are not."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch

from gradcheck_cli.records.report import Verdict
from tests.support.loops import batch, report


def beside_all(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (scores.logsumexp(1) - scores[torch.arange(len(labels)), labels]).mean()


def tanh_layers(gain: float) -> Callable[[], None]:
    def loop() -> None:
        sizes = [6, 40, 40, 40, 40, 3]
        layers = [
            (
                (gain * torch.randn(a, b) / a**0.5).requires_grad_(),
                torch.zeros(b, requires_grad=True),
            )
            for a, b in pairwise(sizes)
        ]
        optimizer = torch.optim.SGD([t for layer in layers for t in layer], lr=0.1)
        for _ in range(80):
            x, y = batch()
            for w, b in layers[:-1]:
                x = torch.tanh(x @ w + b)
            loss = beside_all(x @ layers[-1][0] + layers[-1][1], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return loop


@pytest.mark.parametrize(("gain", "sick"), [(6.0, True), (1.0, False)])
def test_a_loss_by_hand_that_falls_to_no_better_than_a_constant_is_not_healthy(
    gain: float, *, sick: bool
) -> None:
    told = report(tanh_layers(gain))
    assert (told.verdict is Verdict.SICK) is sick
    if sick:
        assert {c.name for c in told.causes} & {"saturating-activation", "init-too-large"}
