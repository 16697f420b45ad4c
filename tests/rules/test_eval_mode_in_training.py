"""GC806: training that goes on in eval mode."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.support.loops import adam, findings, loss_of, mistakes

NAME = "eval-mode-in-training"
STEP = 23  # the line of the update below


def evaluated(*, back: bool, special: Callable[[], nn.Module], at: int = 5) -> Callable[[], None]:
    def loop() -> None:
        model = nn.Sequential(nn.Linear(6, 16), special(), nn.Tanh(), nn.Linear(16, 3))
        optimizer = adam(model)
        for i in range(30):
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
            if i == at:
                model.eval()
                with torch.no_grad():
                    loss_of(model)
                model.train(back)

    return loop


@pytest.mark.parametrize("special", [nn.Dropout, lambda: nn.BatchNorm1d(16)], ids=["drop", "norm"])
def test_it_is_told_with_what_the_model_holds(special: Callable[[], nn.Module]) -> None:
    found = findings(evaluated(back=False, special=special))[NAME]
    assert "model.train()" in found.message
    assert found.at is not None
    assert (Path(found.at.file).name, found.at.line) == (Path(__file__).name, STEP)


def fine_tuning() -> None:
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Linear(16, 3)).eval()
    optimizer = adam(model)
    for _ in range(30):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(evaluated(back=True, special=nn.Dropout), id="back in train mode"),
        pytest.param(evaluated(back=False, special=nn.Identity), id="nothing differs"),
        fine_tuning,
    ],
)
def test_modes_that_are_meant_are_fine(loop: Callable[[], None]) -> None:
    assert mistakes(loop) == set()
