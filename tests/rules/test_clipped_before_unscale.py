"""GC804: clipping while the scaler's factor is still in the gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, findings, loss_of, mistakes, small

NAME = "clipped-before-unscale"


def scaled(
    *, unscale: bool, enabled: bool = True, limit: float = 1.0, adaptive: bool = False
) -> Callable[[], None]:
    def loop() -> None:
        model: nn.Module = small()
        optimizer = adam(model) if adaptive else torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14, enabled=enabled)
        for _ in range(10):
            optimizer.zero_grad()
            scaler.scale(loss_of(model)).backward()
            if unscale:
                scaler.unscale_(optimizer)
            clip_grad_norm_(model.parameters(), limit)
            scaler.step(optimizer)
            scaler.update()

    return loop


@pytest.mark.parametrize("adaptive", [False, True])
def test_the_limit_that_is_left_is_told_with_the_line_of_the_clipping(*, adaptive: bool) -> None:
    found = findings(scaled(unscale=False, adaptive=adaptive))[NAME]
    assert found.severity is (Severity.WARNING if adaptive else Severity.ERROR)
    assert found.at is not None
    assert found.at.file.endswith("test_clipped_before_unscale.py")
    assert "6.1e-05" in found.message


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(scaled(unscale=True), id="unscaled"),
        pytest.param(scaled(unscale=False, enabled=False), id="switched off"),
        pytest.param(scaled(unscale=False, limit=1e9), id="a limit that is never reached"),
    ],
)
def test_clipping_after_unscaling_or_without_a_scaler_is_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()
