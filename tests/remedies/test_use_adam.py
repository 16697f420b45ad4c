"""Another optimizer is offered where an experiment has shown that it learns, and nothing of it stays."""

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from gradcheck_cli.records.diagnosis import Status
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.remedies.base import Case
from gradcheck_cli.remedies.use_adam import as_adam
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.target import Target
from gradcheck_cli.verifying import prove
from tests.support.answered import answer
from tests.support.small import case_of, proposals

CHANGE = Change(summary="Adam at 0.01", optimizer=as_adam(0.01, 0.5))


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))


def by(kind: type[torch.optim.Optimizer], **options: float) -> Callable[[nn.Module], object]:
    return lambda model: kind(model.parameters(), **options)


def case(outcome: Outcome | None, optimizer: object) -> tuple[Target, Case]:
    """A training in which the experiment answered so, or was not asked."""
    target, found = case_of(network, "learning-rate-too-low", optimizer=optimizer)
    told = () if outcome is None else (answer("adaptive-steps", outcome),)
    return target, replace(found, trace=replace(found.trace, examination=told))


def test_what_an_experiment_showed_is_offered_and_keeps_the_weight_decay() -> None:
    sgd = by(torch.optim.SGD, lr=0.5, momentum=0.9, weight_decay=1e-4)
    target, asked = case(Outcome.WRONG, sgd)
    found = proposals(asked, "use-adam")
    rates = []
    for proposal in found:
        assert proposal.change is not None
        training = target.build([proposal.change])
        training.step()
        [optimizer] = training.optimizers
        assert type(optimizer) is torch.optim.Adam
        assert optimizer.state_dict()["state"][0].keys() == {"step", "exp_avg", "exp_avg_sq"}
        [group] = optimizer.param_groups
        rates.append(group["lr"])
        assert group["weight_decay"] == 1e-4
    assert rates == pytest.approx([1e-2, 1e-3])
    assert found[0].fix.summary == "Adam with learning rate 0.01 instead of SGD with 0.5."
    made = "torch.optim.Adam(model.parameters(), weight_decay=0.0001, lr=0.01)"
    assert found[0].fix.code == f"optimizer = {made}"


def test_the_code_gives_adam_the_parameters_that_were_trained() -> None:
    part = lambda model: torch.optim.SGD(model[2].parameters(), lr=0.5)  # noqa: E731
    [first, _] = proposals(case(Outcome.WRONG, part)[1], "use-adam")
    made = "torch.optim.Adam(optimizer.param_groups[0]['params'], lr=0.01)"
    assert first.fix.code == f"optimizer = {made}"


@pytest.mark.parametrize(
    ("outcome", "optimizer"),
    [
        (None, by(torch.optim.SGD, lr=0.5)),
        (Outcome.FINE, by(torch.optim.SGD, lr=0.5)),
        (Outcome.WRONG, by(torch.optim.AdamW, lr=0.5)),
        (Outcome.WRONG, by(torch.optim.LBFGS, lr=0.5)),
        (Outcome.WRONG, by(torch.optim.SGD, lr=0.5, maximize=True)),
    ],
    ids=["not asked", "learns as it is", "adaptive already", "with a closure", "that climbs"],
)
def test_nothing_is_offered_that_no_experiment_speaks_for(
    outcome: Outcome | None, optimizer: object
) -> None:
    assert proposals(case(outcome, optimizer)[1], "use-adam") == []


def test_its_steps_are_those_of_an_optimizer_that_was_adam_from_the_start() -> None:
    target, _ = case(None, by(torch.optim.SGD, lr=0.5, momentum=0.9))
    other, _ = case(None, by(torch.optim.Adam, lr=0.01))
    one, two = target.build([CHANGE]), other.build()
    for _ in range(5):
        one.step()
        two.step()
    for mine, theirs in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def trained(loader: list[torch.Tensor]) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A loop with momentum and a schedule."""
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    for inputs in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), inputs[:, :3].argmax(1)).backward()
        optimizer.step()
        scheduler.step()
    return model, optimizer


def test_a_replay_with_it_leaves_the_optimizer_what_it_was_and_keeps_the_schedule() -> None:
    loader = [torch.randn(32, 8) for _ in range(12)]
    with Recorder() as recorder:
        model, optimizer = trained(loader)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    rates = []
    with Replay(recorder.recording, model) as replay:
        control, treated = replay.build(), replay.build([CHANGE])
        for _ in range(3):
            for training, kind in ((control, torch.optim.SGD), (treated, torch.optim.Adam)):
                with training.in_place():
                    training.step()
                    assert type(optimizer) is kind
            rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.009, 0.0081])
    assert type(optimizer) is torch.optim.SGD
    assert str((model.state_dict(), optimizer.state_dict())) == str(before)
    assert "exp_avg" not in str(optimizer.state_dict())


@pytest.mark.heavy
def test_it_is_verified_where_one_rate_cannot_suit_all_weights() -> None:
    """What decides is ten times smaller than what does not; only the latter moves."""
    inputs = torch.randn(512, 8, generator=torch.Generator().manual_seed(1))
    classes = inputs[:, :3].argmax(1)
    inputs[:, :3] *= 0.1
    data = TensorDataset(inputs, classes)
    target, found = case_of(
        network, "learning-rate-too-low", data=data, optimizer=by(torch.optim.SGD, lr=0.1)
    )
    told = replace(found.trace, examination=(answer("adaptive-steps"),))
    [best, *_] = prove(target, proposals(replace(found, trace=told), "use-adam"), budget=30.0)
    assert best.fix.verification.status is Status.VERIFIED, best.fix.verification.reason
