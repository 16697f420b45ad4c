"""A warning of the user's own calls is shown as without us: at the user's line, and once."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gradcheck_cli import watch
from gradcheck_cli.probe.warned import warnings_at_their_line


def shown_at(steps: int, *, watched: bool) -> list[tuple[str, int, str]]:
    """Train on targets of another shape and with a deprecated dropout; return what was shown, and where."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    seen: list[tuple[str, int, str]] = []
    before = warnings.showwarning
    globals().pop("__warningregistry__", None)
    getattr(nn.functional, "__warningregistry__", {}).clear()
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = lambda m, c, f, n, *_: seen.append((Path(f).name, n, str(m)[:40]))
        mine = warnings.showwarning

        def train() -> None:
            for _ in range(steps):
                x, y = torch.randn(8, 3), torch.randn(8)
                loss = F.mse_loss(F.dropout2d(model(x), 0.1), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        if watched:
            with watch(model, optimizer):
                train()
            assert warnings.showwarning is mine
        else:
            train()
    assert warnings.showwarning is before
    return seen


def test_a_warning_is_shown_once_at_the_line_of_the_user_with_and_without_us() -> None:
    alone = shown_at(12, watched=False)
    assert len(alone) == 2
    assert {name for name, _, _ in alone} == {Path(__file__).name}
    assert shown_at(12, watched=True) == alone


def test_warnings_as_errors_stop_where_they_did() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="target size"), warnings_at_their_line():
            F.mse_loss(torch.randn(4, 1, requires_grad=True), torch.randn(4))
