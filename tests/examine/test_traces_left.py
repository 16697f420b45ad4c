"""Experiments leave a training bit for bit as it was, also where they fail."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from gradcheck_cli.examine import examine, subject_of
from gradcheck_cli.examine.base import Said, Scene, experiment
from gradcheck_cli.examine.snapshot import restored
from gradcheck_cli.probe.stepping import observe
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.targets.training import Training
from tests.support.trainings import network, target


def model() -> nn.Module:
    """With everything that an experiment could move."""
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 4)
    )


def state(training: Training) -> list[Any]:
    """All that can be read of a training, as plain values."""
    module = training.model
    tensors = [*module.parameters(), *module.buffers()]
    grads = [None if p.grad is None else p.grad.tolist() for p in module.parameters()]
    return [
        [t.tolist() for t in tensors],
        grads,
        [m.training for m in module.modules()],
        [len(m.__dict__) for m in module.modules()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules()],
        str([o.state_dict() for o in training.optimizers]),
        torch.get_rng_state().tolist(),
    ]


def adam(module: nn.Module) -> torch.optim.Optimizer:
    """An optimizer with a state."""
    return torch.optim.Adam(module.parameters(), weight_decay=0.01)


def whole(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """A loss that calls the model itself."""
    return nn.functional.cross_entropy(module(batch[0]), batch[1])


@pytest.mark.parametrize("loss", ["cross_entropy", whole])
def test_a_whole_examination_leaves_no_trace(loss: Any) -> None:
    made = target(model=model, optimizer=adam, loss=loss)
    training = made.build()
    subject = subject_of(made, training)
    trace = observe(training, 12)
    before = state(training)
    assert examine(subject, trace)
    assert state(training) == before


def test_an_experiment_that_fails_leaves_no_trace_and_costs_only_itself() -> None:
    @experiment("careless", "What does it break?")
    def careless(scene: Scene) -> Iterator[Said]:
        """Break everything."""
        with scene.subject.at("start"):
            scene.subject.model.eval()
            scene.subject.step(scene.subject.batches[0])
            scene.subject.model[0].weight.requires_grad_(False)  # type: ignore[index]
            raise RuntimeError("on purpose")
        yield

    made = target(model=model, optimizer=adam)
    training = made.build()
    subject = subject_of(made, training)
    trace = observe(training, 12)
    before, crashes = state(training), []
    [answer] = examine(subject, trace, experiments=[careless], on_crash=crashes.append)
    assert state(training) == before
    assert answer.outcome is Outcome.SKIPPED
    assert "on purpose" in answer.reason, "it stands in a file that is not ours"
    assert crashes == []


def test_the_same_training_goes_on_as_if_it_had_not_been_examined() -> None:
    curves = []
    for asked in (True, False):
        made = target(model=model, optimizer=adam)
        training = made.build()
        subject = subject_of(made, training)
        trace = observe(training, 12)
        if asked:
            examine(subject, trace)
        curves.append([float(training.step().loss) for _ in range(5)])
    assert curves[0] == curves[1]


def test_a_training_that_its_own_code_runs_is_not_examined() -> None:
    def training_step(module: Any, batch: Any, optimizer: Any) -> torch.Tensor:
        loss = nn.functional.cross_entropy(module(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    made = target(model=network, training_step=training_step, loss=None)
    training = made.build()
    assert subject_of(made, training) is None
    assert examine(None, observe(training, 3)) == ()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_weights_of_a_scripted_module_are_put_back() -> None:
    scripted = torch.jit.script(nn.Linear(3, 2))
    before = scripted.weight.detach().clone()
    with restored([scripted], []):
        scripted.weight.data.zero_()
    assert torch.equal(scripted.weight, before)
