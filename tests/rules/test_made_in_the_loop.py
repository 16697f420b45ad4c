"""GC823: models and optimizers that the loop of the training makes anew."""

import copy
from collections.abc import Callable

import pytest
import torch

from gradcheck_cli.records.finding import Severity
from tests.support.loops import adam, batch, findings, mistakes, report, small, update, watched

NAME = "made-in-the-loop"


def a_model_per_epoch() -> None:
    for epoch in range(5):
        model = small()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(10):
            update(model, optimizer)
        assert epoch < 5


def a_model_per_batch() -> None:
    for _ in range(30):
        model = small()
        update(model, torch.optim.SGD(model.parameters(), lr=0.1))


@pytest.mark.parametrize("loop", [a_model_per_epoch, a_model_per_batch])
def test_a_model_that_each_pass_makes_anew_is_named_with_the_line_of_its_optimizer(
    loop: Callable[[], None],
) -> None:
    found = findings(loop)[NAME]
    assert found.severity is not Severity.NOTE
    assert "The model was made anew" in found.message
    assert found.at is not None
    assert found.at.file.endswith("test_made_in_the_loop.py")


def test_the_loop_is_named_by_what_it_counts() -> None:
    told = report(a_model_per_epoch)
    assert "in the loop over `epoch`" in told.headline


def an_optimizer_per_batch(rate: float = 1e-6, *, adaptive: bool = True, steps: int = 60) -> None:
    model = small()
    for _ in range(steps):
        update(model, adam(model, rate) if adaptive else torch.optim.SGD(model.parameters(), rate))


def test_an_optimizer_that_each_step_makes_anew_loses_its_averages() -> None:
    found = findings(an_optimizer_per_batch)[NAME]
    assert found.severity is Severity.WARNING
    assert "Adam was made anew 59 times" in found.message


def test_it_is_a_note_where_the_loss_falls_all_the_same() -> None:
    found = findings(lambda: an_optimizer_per_batch(1e-2, steps=150))[NAME]
    assert found.severity is Severity.NOTE


def test_each_step_counts_whichever_optimizer_makes_it_and_old_ones_are_let_go() -> None:
    [session] = watched(an_optimizer_per_batch)
    assert session.steps == 60
    assert len(session.recorder.optimizers) <= 3


def folds() -> None:
    """Each fold is a training of its own, of several epochs."""
    for _fold in range(4):
        model = small()
        optimizer = adam(model)
        for _epoch in range(3):
            for _ in range(8):
                update(model, optimizer)


def seeds() -> None:
    for seed in range(4):
        torch.manual_seed(seed)
        model = small()
        optimizer = adam(model)
        for _ in range(20):
            update(model, optimizer)


def copies() -> None:
    """Reptile: each copy learns a little, and the model follows it."""
    model = small()
    for _iteration in range(12):
        learner = small()
        learner.load_state_dict(model.state_dict())
        optimizer = torch.optim.SGD(learner.parameters(), lr=0.1)
        update(learner, optimizer)
        with torch.no_grad():
            for own, others in zip(model.parameters(), learner.parameters(), strict=True):
                own.lerp_(others, 0.5)


def checkpoint_anew() -> None:
    """Each epoch fine-tunes the same checkpoint on other data."""
    kept = copy.deepcopy(small().state_dict())
    for _epoch in range(5):
        model = small()
        model.load_state_dict(kept)
        optimizer = adam(model)
        for _ in range(10):
            update(model, optimizer)


def distilled() -> None:
    """Inputs are learned that teach whichever network is drawn."""
    x, y = batch(12)
    x.requires_grad_()
    of_inputs = torch.optim.SGD([x], lr=0.1)
    for _step in range(12):
        model = small()
        optimizer = adam(model)
        update(model, optimizer)
        of_inputs.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        of_inputs.step()


def an_optimizer_per_epoch() -> None:
    model = small()
    for _epoch in range(5):
        optimizer = adam(model)
        for _ in range(10):
            update(model, optimizer)


def without_averages() -> None:
    an_optimizer_per_batch(adaptive=False)


@pytest.mark.parametrize(
    "loop",
    [folds, seeds, copies, checkpoint_anew, distilled, an_optimizer_per_epoch, without_averages],
)
def test_trainings_of_their_own_copies_and_optimizers_without_averages_are_fine(
    loop: Callable[[], None],
) -> None:
    assert NAME not in mistakes(loop)


def test_complex_weights_are_compared_without_a_warning() -> None:
    def loop() -> None:
        for _ in range(4):
            weight = torch.nn.Parameter(torch.randn(6, 2, dtype=torch.cfloat))
            optimizer = torch.optim.SGD([weight], lr=0.1)
            for _ in range(8):
                optimizer.zero_grad()
                ((torch.randn(8, 6).to(torch.cfloat) @ weight).abs() - 1).square().mean().backward()
                optimizer.step()

    assert "made-in-the-loop" not in findings(loop)
