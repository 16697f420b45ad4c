"""GC817: gradients that are cleared between backward pass and update."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.support.loops import adam, batch, findings, loss_of, mistakes, small

NAME = "gradients-cleared-too-early"


def between(*, to_none: bool) -> Callable[[], None]:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            loss_of(model).backward()
            optimizer.zero_grad(set_to_none=to_none)
            optimizer.step()

    return loop


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_cleared_before_the_update_are_named_with_its_line(to_none: bool) -> None:
    found = findings(between(to_none=to_none))
    assert found[NAME].at is not None
    assert "optimizer-of-another-model" not in found


def test_clearing_after_the_update_is_fine() -> None:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            loss_of(model).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)

    assert mistakes(loop) == set()


def two_heads(*, between: bool, to_none: bool = True, layers: int = 1) -> Callable[[], None]:
    def loop() -> None:
        trunk = nn.Sequential(*(nn.Linear(6, 6) for _ in range(layers)))
        heads = nn.ModuleList([nn.Linear(6, 3), nn.Linear(6, 1)])
        optimizer = adam(nn.ModuleList([trunk, heads]))
        for _ in range(12):
            x, y = batch()
            hidden = trunk(x).tanh()
            optimizer.zero_grad()
            nn.functional.cross_entropy(heads[0](hidden), y).backward(retain_graph=True)
            if between:
                optimizer.zero_grad(set_to_none=to_none)
            heads[1](hidden).square().mean().backward()
            optimizer.step()

    return loop


@pytest.mark.parametrize(("layers", "to_none"), [(1, True), (1, False), (12, True)])
def test_gradients_of_one_loss_cleared_before_the_other_are_named(
    layers: int, to_none: bool
) -> None:
    found = findings(two_heads(between=True, to_none=to_none, layers=layers))[NAME]
    assert [path.rpartition(".")[2] for path in found.layers] == ["0"]
    assert found.at is not None


def test_two_losses_that_are_added_up_by_two_passes_are_fine() -> None:
    assert NAME not in mistakes(two_heads(between=False))


def test_gradients_of_an_attack_that_are_cleared_before_the_loss_are_fine() -> None:
    def loop() -> None:
        model = nn.Sequential(small(), nn.Linear(3, 3))
        unused = nn.Linear(3, 3)  # is called, and nothing is learned from what it says
        optimizer = adam(nn.ModuleList([model, unused]))
        for _ in range(12):
            x, y = batch()
            x.requires_grad_()
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.zero_grad()
            scores = model(x.detach() + 0.1 * x.grad.sign())
            unused(scores)
            nn.functional.cross_entropy(scores, y).backward()
            optimizer.step()

    assert NAME not in findings(loop)


def test_gradients_that_were_zero_before_they_were_clipped_are_not_cleared() -> None:
    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for _ in range(12):
            optimizer.zero_grad()
            (0 * loss_of(model)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    assert NAME not in findings(loop)


def overflowing(*, by_hand: bool, clears: bool = False) -> Callable[[], None]:
    """The squares of the gradients are infinite, so that clipping multiplies them by zero."""

    def loop() -> None:
        model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(12):
            optimizer.zero_grad()
            (1e25 * model(torch.randn(8, 1, 6)).tanh().mean()).backward()
            if clears:
                optimizer.zero_grad(set_to_none=False)
            elif by_hand:
                norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
                for p in model.parameters():
                    p.grad.mul_(1 / norm)
            else:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return loop


@pytest.mark.parametrize("by_hand", [True, False])
def test_gradients_of_an_infinite_norm_that_clipping_makes_zero_are_not_cleared(
    by_hand: bool,
) -> None:
    assert NAME not in findings(overflowing(by_hand=by_hand))


def test_gradients_as_large_that_are_cleared_before_the_update_are_named() -> None:
    assert NAME in findings(overflowing(by_hand=False, clears=True))


def test_complex_gradients_that_are_cleared_before_the_update_are_named() -> None:
    def loop() -> None:
        weight = nn.Parameter(torch.randn(6, 2, dtype=torch.cfloat))
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for _ in range(12):
            ((torch.randn(8, 6).to(torch.cfloat) @ weight).abs() - 1).square().mean().backward()
            optimizer.zero_grad(set_to_none=False)
            optimizer.step()

    assert NAME in findings(loop)
