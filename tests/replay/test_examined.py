"""Experiments are made on recorded steps of any loop, and leave nothing of it changed."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradcheck_cli import Policy, watch
from gradcheck_cli.examine import examine
from gradcheck_cli.examine.battery import SECONDS, Depth
from gradcheck_cli.examine.step_descends import step_descends
from gradcheck_cli.examine.subject import Moment, NotApplicableError
from gradcheck_cli.records.examination import Outcome
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.examined import RecordedSubject, subject_of_steps
from gradcheck_cli.replay.repeating import Replay
from tests.examine.loops import answered
from tests.replay.loops import KINDS


def network(depth: int, activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of width 8 with this between them."""
    layers: list[nn.Module] = [nn.Linear(6, 8)]
    for _ in range(depth):
        layers += [activation(), nn.Linear(8, 8)]
    return nn.Sequential(*layers, nn.Linear(8, 2))


def verified(
    depth: int = 1,
    activation: type[nn.Module] = nn.ReLU,
    *,
    sign: float = 1.0,
    depth_of_examination: str = "full",
    budget: float = 0.5,
) -> Report:
    """Train in a loop as people write it, and let it be examined."""
    torch.manual_seed(0)
    inputs = torch.randn(512, 6)
    target = (inputs.sum(1) > 0).long()
    model = network(depth, activation)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    policy = Policy(examine=depth_of_examination)
    with watch(model, optimizer, verify=True, policy=policy) as seen:
        for start in range(0, 512, 16):
            optimizer.zero_grad()
            output = model(inputs[start : start + 16])
            loss = F.cross_entropy(output, target[start : start + 16])
            (sign * loss).backward()
            optimizer.step()
    before = [t.clone() for t in model.state_dict().values()]
    report = seen.verify(budget=budget)
    assert all(map(torch.equal, before, model.state_dict().values()))
    return report


def test_actions_beside_targets_that_move_are_no_labels() -> None:
    torch.manual_seed(0)
    states, following = torch.randn(2, 512, 6)
    actions, rewards = torch.randint(2, (512,)), torch.rand(512)
    values, target = network(1, nn.ReLU), network(1, nn.ReLU)
    optimizer = torch.optim.Adam(values.parameters(), lr=3e-3)
    with watch(values, optimizer, verify=True, policy=Policy(examine="full")) as seen:
        for step, rows in enumerate(torch.arange(512).split(16)):
            if step % 8 == 0:
                target.load_state_dict(values.state_dict())
            with torch.no_grad():
                wanted = rewards[rows] + 0.9 * target(following[rows]).max(1).values
            chosen = values(states[rows]).gather(1, actions[rows, None]).squeeze(1)
            optimizer.zero_grad()
            F.mse_loss(chosen, wanted).backward()
            optimizer.step()
    report = seen.verify(budget=0.5)
    answers = {answer.name: answer for answer in report.examination}
    assert answers["loss-prefers-right"].outcome is Outcome.SKIPPED
    assert "network that changes" in answers["loss-prefers-right"].reason
    assert report.verdict is Verdict.HEALTHY


@pytest.mark.heavy
@pytest.mark.parametrize("rectified", [True, False])
def test_values_of_actions_that_all_cost_something(*, rectified: bool) -> None:
    """A ReLU gives no value below 0. The target network stands still for longer than is watched."""
    torch.manual_seed(0)
    states, following = torch.randn(2, 512, 6)
    actions, costs = torch.randint(2, (512,)), -1 - states[:, 0].abs()
    layers = [nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2), *([nn.ReLU()] if rectified else [])]
    values, target = nn.Sequential(*layers), nn.Sequential(*layers[:3])
    target = copy.deepcopy(target)
    optimizer = torch.optim.Adam(values.parameters(), lr=1e-2)
    with watch(values, optimizer, verify=True, policy=Policy(examine="full")) as seen:
        for rows in torch.arange(512).repeat(3).split(32):
            with torch.no_grad():
                best = target(following[rows]).max(1).values.clamp(max=0)
                wanted = costs[rows] + 0.9 * best
            chosen = values(states[rows]).gather(1, actions[rows, None]).squeeze(1)
            optimizer.zero_grad()
            F.mse_loss(chosen, wanted).backward()
            optimizer.step()
    report = seen.verify(budget=0.0)
    if rectified:
        assert report.causes[0].name == "wrong-output-activation"
        assert "the output goes through relu and can not reach them" in report.causes[0].reasons[0]
    else:
        assert report.verdict is Verdict.HEALTHY


def test_a_flipped_loss_in_a_loop_of_ones_own_is_found_by_experiment() -> None:
    report = verified(sign=-1.0)
    assert report.findings[0].name == "wrong-direction"
    assert report.causes[0].name == "flipped-loss"
    assert "rewards mistakes" in report.headline


def test_its_healthy_twin_stays_healthy_and_was_examined() -> None:
    report = verified()
    assert report.verdict is Verdict.HEALTHY
    assert not [f for f in report.findings if f.name == "wrong-direction"]
    answers = {answer.name: answer.outcome for answer in report.examination}
    assert answers["loss-prefers-right"] is Outcome.FINE
    assert answers["inputs-used"] is Outcome.FINE
    assert Outcome.WRONG not in answers.values()


def test_examine_none_asks_nothing() -> None:
    assert not verified(depth_of_examination="none").examination


@pytest.mark.heavy
@pytest.mark.slow
def test_the_cause_in_the_headline_is_supported_by_an_experiment_on_recorded_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SECONDS, Depth.QUICK, 60.0)  # however busy the machine is
    report = verified(16, nn.Sigmoid, depth_of_examination="quick", budget=0.0)
    assert report.verdict is Verdict.SICK
    assert report.causes[0].name == "saturating-activation"
    assert "slopes of sigmoids" in report.headline
    answers = {answer.name: answer.outcome for answer in report.examination}
    assert answers["longer"] is Outcome.WRONG


def recorded(kind: str) -> tuple[RecordedSubject, list[nn.Module]]:
    """Record one of the loops and return it for experiments."""
    with Recorder() as recorder:
        models, _ = KINDS[kind]()
    model = models[0] if len(models) == 1 else nn.ModuleList(models)
    return subject_of_steps(Replay(recorder.recording, model)), models


def held(subject: RecordedSubject, models: list[nn.Module]) -> Iterator[Any]:
    """Yield all that can be read of a training, as plain values."""
    for model in models:
        yield [t.tolist() for t in (*model.parameters(), *model.buffers())]
        yield [None if p.grad is None else p.grad.tolist() for p in model.parameters()]
        yield [(m.training, len(vars(m)), len(m._forward_hooks)) for m in model.modules()]
    yield str([o.state_dict() for o in subject.optimizers])
    yield torch.get_rng_state().tolist()


def broken_off(subject: RecordedSubject) -> None:
    """Begin to work on it and fail."""
    with subject.at("start"):
        subject.total(subject.batches[0]).backward()
        raise RuntimeError("on purpose")


MOMENTS: tuple[Moment, ...] = ("start", "now")
ALONE = ("plain", "scheduled", "scaled", "adversarial", "variational", "averaged", "closed")


@pytest.mark.parametrize("kind", ALONE)
def test_everything_is_bit_for_bit_as_it_was(kind: str) -> None:
    subject, models = recorded(kind)
    before = list(held(subject, models))
    for moment in MOMENTS:
        with subject.at(moment):
            loss = subject.total(subject.batches[0])
            loss.backward()
            if len(subject.optimizers) == 1:
                subject.step(subject.batches[0])
            for model in models:
                model.eval()
    with pytest.raises(RuntimeError, match="on purpose"):
        broken_off(subject)
    assert list(held(subject, models)) == before


@pytest.mark.parametrize("kind", ["plain", "scheduled", "scaled", "averaged", "closed"])
def test_the_loss_of_the_outputs_is_the_loss_of_the_step(kind: str) -> None:
    subject, models = recorded(kind)
    batch = subject.batches[0]
    with subject.at("start"):
        for model in models:
            model.eval()
        outputs = subject.outputs(batch)
        assert torch.equal(subject.loss(outputs, batch), subject.total(batch))
        target = subject.targets(batch)
        assert isinstance(target, Tensor)
        assert target.dtype == torch.int64
        assert len(target) == len(outputs)
        [name] = subject.inputs(batch)
        zeroed = subject.outputs(batch, {name: torch.zeros_like(batch[name])})
        assert torch.equal(zeroed[0], zeroed[1])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("adversarial", "3 calls of networks"),
        ("variational", "an attribute of the model"),
    ],
)
def test_what_cannot_be_asked_is_said(kind: str, reason: str) -> None:
    subject, _ = recorded(kind)
    with subject.at("start"), pytest.raises(NotApplicableError, match=reason):
        subject.loss(torch.zeros(8, 2), subject.batches[0])


def test_a_carried_state_is_not_examined() -> None:
    with pytest.raises(NotApplicableError, match="an earlier step"):
        recorded("recurrent")


class Own(nn.Module):
    """Computes its loss itself, as the models of libraries do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 2)

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        logits = self.inner(inputs)
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


def test_of_a_model_that_computes_its_loss_only_the_rest_is_asked() -> None:
    torch.manual_seed(0)
    model = Own()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        for _ in range(6):
            inputs = torch.randn(8, 6)
            optimizer.zero_grad()
            model(inputs, labels=(inputs[:, 0] > 0).long())["loss"].backward()
            optimizer.step()
    subject = subject_of_steps(Replay(recorder.recording, model))
    batch = subject.batches[0]
    assert list(subject.inputs(batch)) == ["inputs"]
    assert torch.equal(subject.targets(batch), (batch["inputs"][:, 0] > 0).long())
    with subject.at("start"):
        assert subject.main(subject.outputs(batch)).shape == (8, 2)
        with pytest.raises(NotApplicableError, match="computes its loss itself"):
            subject.loss(subject.outputs(batch), batch)


def test_a_whole_examination_of_recorded_steps_leaves_no_trace() -> None:
    from gradcheck_cli.probe.stepping import observe
    from tests.support.trainings import target as built

    trace = observe(built().build(), 8)
    subject, models = recorded("plain")
    before = list(held(subject, models))
    assert examine(subject, trace)
    assert list(held(subject, models)) == before


@pytest.mark.parametrize(("turned", "expected"), [(True, Outcome.WRONG), (False, Outcome.FINE)])
def test_gradients_that_the_loop_turns_round_are_turned_round_in_experiments(
    turned: bool, expected: Outcome
) -> None:
    torch.manual_seed(0)
    inputs, labels = torch.randn(128, 6), torch.randint(2, (128,))
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        for start in range(0, 128, 16):
            optimizer.zero_grad()
            F.cross_entropy(
                model(inputs[start : start + 16]), labels[start : start + 16]
            ).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            if turned:
                for p in model.parameters():
                    assert p.grad is not None
                    p.grad.neg_()
            optimizer.step()
    replay = Replay(recorder.recording, model, lambda _: None, "fp32")
    subject = subject_of_steps(replay)
    state = torch.get_rng_state()
    [found] = examine(subject, Trace(), experiments=(step_descends,))
    assert found.outcome is expected
    assert found.supports == (("gradient-ascent",) if turned else ())
    assert torch.equal(state, torch.get_rng_state())


class Choosing(nn.Module):
    """Returns log-probabilities of the labels, as the models of some trainers do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 3)

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        return self.inner(inputs).log_softmax(1).gather(1, labels[:, None])


def test_a_number_by_which_a_loss_is_divided_is_no_target() -> None:
    torch.manual_seed(0)
    model = Choosing()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        for _ in range(6):
            inputs = torch.randn(8, 6)
            optimizer.zero_grad()
            chosen = model(inputs, (inputs[:, 0] > 0).long())
            (-chosen.sum() / torch.tensor(8.0)).backward()
            optimizer.step()
    subject = subject_of_steps(Replay(recorder.recording, model))
    with subject.at("now"), pytest.raises(NotApplicableError, match="nothing compares"):
        subject.loss(torch.full((8, 1), 100.0), subject.batches[0])


class Frozen(dict[str, int]):
    """A configuration that refuses to be changed, as those of diffusers do."""

    def refuse(self, *_args: object, **_kwargs: object) -> None:
        """Change nothing."""
        raise TypeError("it is frozen")

    __setitem__ = update = clear = pop = refuse  # type: ignore[assignment]


def test_a_configuration_that_refuses_to_be_changed_is_left_alone() -> None:
    model = network(0, nn.ReLU)
    model.config = Frozen(width=8)
    x, y = torch.randn(8, 6), torch.arange(8) % 2

    def loss() -> Tensor:
        dict.__setitem__(model.config, "width", model.config["width"] + 1)  # type: ignore[arg-type, index]
        return F.cross_entropy(model(x), y)

    answers = answered(model, loss, step_descends)
    assert answers["step-descends"].outcome is Outcome.FINE


@pytest.mark.parametrize("part", ["witnessing.subject_of_steps", "examine.battery._pace"])
def test_an_examination_that_can_not_begin_does_not_cost_the_report(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def broken(*_args: object) -> None:
        raise KeyError(12)

    monkeypatch.setattr(f"gradcheck_cli.{part}", broken)
    report = verified(depth_of_examination="quick", budget=0.0)
    assert report.verdict is Verdict.HEALTHY
    assert len(report.crashed) == 1
    assert "KeyError: 12" in report.crashed[0].traceback


@pytest.mark.parametrize("enabled", [False, True])
def test_a_loss_that_a_scaler_was_given_is_computed_again(*, enabled: bool) -> None:
    """A scaler that is off returns the loss that it was given."""
    model, scaler = network(1, nn.ReLU), torch.amp.GradScaler("cpu", enabled=enabled)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    x, y = torch.randn(8, 6), torch.arange(8) % 2
    with Recorder() as recorder:
        for _ in range(3):
            scaler.scale(F.cross_entropy(model(x), y) / 2).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    subject = subject_of_steps(Replay(recorder.recording, model))
    now = F.cross_entropy(model(x), y).item() / 2
    assert subject.total(subject.batches[0]).item() == pytest.approx(now)
