"""GC803: an optimizer whose parameters never have a gradient."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.support.loops import adam, findings, loss_of, mistakes, report, small, update

NAME = "optimizer-of-another-model"


def other_model() -> None:
    model, forgotten = small(), small()
    optimizer = adam(forgotten)
    for _ in range(20):
        update(model, optimizer)


def a_copy_that_was_moved() -> None:
    model = small()
    optimizer = torch.optim.SGD([p.detach().clone().requires_grad_() for p in model.parameters()])
    for _ in range(20):
        model.zero_grad()
        loss_of(model).backward()
        optimizer.step()


def made_anew_afterwards() -> None:
    model = small()
    optimizer = adam(model)
    model = small()
    for _ in range(20):
        update(model, optimizer)


@pytest.mark.parametrize("loop", [other_model, a_copy_that_was_moved, made_anew_afterwards])
def test_the_idle_optimizer_is_named_with_the_line_that_made_it(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert found.layers == ("0", "2")
    assert found.at is not None
    assert found.at.file.endswith(("test_optimizer_of_another_model.py", "loops.py"))


def test_the_model_that_runs_is_reported_with_its_losses() -> None:
    told = report(other_model)
    assert told.headline.startswith(NAME)
    assert told.run.model == "Sequential"
    assert told.run.steps >= 18


def turns() -> None:
    """The second model's turn comes late, as in progressive or adversarial training."""
    first, second = small(), small()
    optimizers = [adam(first), adam(second)]
    for i in range(20):
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss_of(first if i < 10 else second).backward()
        for optimizer in optimizers:
            optimizer.step()


def frozen_backbone() -> None:
    model = small()
    model[0].requires_grad_(requires_grad=False)
    optimizer = adam(model)
    for _ in range(20):
        update(model, optimizer)


def target_network() -> None:
    model, target = small(), small()
    target.requires_grad_(requires_grad=False)
    optimizer = adam(model)
    for _ in range(20):
        x = torch.randn(32, 6)
        with torch.no_grad():
            goal = target(x)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), goal).backward()
        optimizer.step()
        for ours, theirs in zip(target.parameters(), model.parameters(), strict=True):
            ours.data.lerp_(theirs.data, 0.1)


@pytest.mark.parametrize("loop", [turns, frozen_backbone, target_network])
def test_optimizers_whose_turn_comes_are_fine(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)


def two_sides(*, same: bool) -> None:
    """Train a generator and a discriminator; `same`: both optimizers are made of the latter."""
    makes, judges = small(6, 6), small(6, 1)
    optimizers = [adam(judges), adam(judges if same else makes)]
    score = nn.functional.binary_cross_entropy_with_logits
    for _ in range(12):
        for optimizer, label in zip(optimizers, (0.0, 1.0), strict=True):
            makes.zero_grad()
            judges.zero_grad()
            score(judges(makes(torch.randn(8, 6))), torch.full((8, 1), label)).backward()
            optimizer.step()


def held_with_the_other(*, opposed: bool) -> None:
    """One optimizer has a part of the network, another one all of it; their losses oppose each other or do not."""
    makes, judges = small(6, 6), small(6, 1)
    whole = nn.Sequential(makes, judges)
    score = nn.functional.binary_cross_entropy_with_logits
    optimizers = [adam(judges), adam(whole)]
    for _ in range(20):
        for optimizer, label in zip(optimizers, (0.0, 1.0 if opposed else 0.0), strict=True):
            optimizer.zero_grad()
            score(whole(torch.randn(8, 6)), torch.full((8, 1), label)).backward()
            optimizer.step()


def test_an_optimizer_that_holds_what_another_one_pulls_the_other_way() -> None:
    found = findings(lambda: held_with_the_other(opposed=True))[NAME]
    assert "holds all parameters of another optimizer" in found.message
    assert found.at is not None
    assert NAME not in mistakes(lambda: held_with_the_other(opposed=False))


def polished() -> None:
    """A second optimizer takes over what the first has begun; nothing is left out."""
    model = small()
    for optimizer in (adam(model), torch.optim.SGD(model.parameters(), lr=0.1)):
        for _ in range(10):
            update(model, optimizer)


def test_two_optimizers_of_one_model_and_none_of_the_other() -> None:
    found = findings(lambda: two_sides(same=True))[NAME]
    assert found.message.startswith("Two optimizers hold the same parameters")
    assert NAME not in mistakes(lambda: two_sides(same=False))
    assert NAME not in mistakes(polished)


def folds(*, anew: bool, stale: bool = False, many: int = 40) -> Callable[[], None]:
    """Each fold has a model of its own; `anew`: and an optimizer. `stale`: gradients of the first one stay."""

    def loop() -> None:
        model = small()
        optimizer = adam(model)
        for fold in range(3):
            if fold:
                model = small()
                optimizer = adam(model) if anew else optimizer
            for _ in range(many):
                (model if stale else optimizer).zero_grad()
                loss_of(model).backward()
                optimizer.step()

    return loop


def parts() -> None:
    """A restart makes both of two modules anew."""
    body, head = nn.Linear(6, 16), nn.Linear(16, 3)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()])
    for restart in range(2):
        if restart:
            body, head = nn.Linear(6, 16), nn.Linear(16, 3)
        for _ in range(60):
            optimizer.zero_grad()
            loss_of(nn.Sequential(body, nn.ReLU(), head)).backward()
            optimizer.step()


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(folds(anew=False), id="folds"),
        pytest.param(folds(anew=False, stale=True), id="stale"),
        parts,
    ],
)
def test_an_optimizer_that_outlives_its_model_is_named(loop: Callable[[], None]) -> None:
    found = findings(loop)[NAME]
    assert "got no new gradient" in found.message
    assert found.at is not None


def the_same_model_again() -> None:
    """Each fold begins with the first weights, in the same model."""
    model = small()
    first = {k: v.clone() for k, v in model.state_dict().items()}
    optimizer = adam(model)
    for _ in range(3):
        model.load_state_dict(first)
        for _ in range(40):
            update(model, optimizer)


def master_weights() -> None:
    """The optimizer holds copies, which are handed the gradients and hand back what they became."""
    model = small()
    masters = [p.detach().clone().requires_grad_() for p in model.parameters()]
    optimizer = torch.optim.Adam(masters, 1e-2)
    for _ in range(100):
        model.zero_grad()
        loss_of(model).backward()
        for master, p in zip(masters, model.parameters(), strict=True):
            master.grad = p.grad.clone()
        optimizer.step()
        with torch.no_grad():
            for master, p in zip(masters, model.parameters(), strict=True):
                p.copy_(master)


def taught_one_after_the_other() -> None:
    """Two models of the same shapes take turns of many updates; both optimizers always step."""
    models = [small(), small()]
    optimizers = [adam(m) for m in models]
    for turn in range(4):
        for _ in range(40):
            for optimizer in optimizers:
                optimizer.zero_grad()
            loss_of(models[turn % 2]).backward()
            for optimizer in optimizers:
                optimizer.step()


def measured_at_the_end() -> None:
    """What another model's gradients are is looked at when the training has ended."""
    model, other = small(), small()
    optimizer = adam(model)
    for _ in range(60):
        update(model, optimizer)
    for _ in range(60):
        loss_of(other).backward()


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(folds(anew=True), id="folds"),
        the_same_model_again,
        master_weights,
        taught_one_after_the_other,
        measured_at_the_end,
    ],
)
def test_models_whose_optimizer_lives_as_long_are_fine(loop: Callable[[], None]) -> None:
    assert NAME not in mistakes(loop)
