"""Recording changes nothing, and the unchanged replay gives the recorded losses bit for bit."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradcheck_cli.replay import Recorder
from gradcheck_cli.replay.arm import opposed
from gradcheck_cli.replay.events import Call
from gradcheck_cli.replay.examined import subject_of_steps
from gradcheck_cli.replay.identities import Identities
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.replay.reproducing import reproduced
from gradcheck_cli.replay.values import Alias, Given
from gradcheck_cli.watching import watch
from tests.replay.loops import KINDS, batches, network


@pytest.mark.parametrize("kind", KINDS)
def test_recording_leaves_the_training_bit_for_bit_as_it_is(kind: str) -> None:
    models, losses = KINDS[kind]()
    chance = torch.get_rng_state()
    with Recorder():
        again, same = KINDS[kind]()
    assert same == losses
    assert torch.equal(torch.get_rng_state(), chance)
    for one, other in zip(models, again, strict=True):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_unchanged_replay_reproduces_the_losses_and_puts_everything_back(kind: str) -> None:
    with Recorder() as recorder:
        models, _ = KINDS[kind]()
    recording = recorder.recording
    assert recording.obstacle == ""
    before = [copy.deepcopy(m.state_dict()) for m in models]
    grads = [p.grad for m in models for p in m.parameters()]
    with Replay(recording, models[0]) as replay:
        answer = reproduced(replay)
    assert answer.succeeded, str(answer)
    assert answer.exact
    assert answer.steps >= 8
    assert [p.grad for m in models for p in m.parameters()] == grads
    for model, held in zip(models, before, strict=True):
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, held[name]), name


def test_nothing_stays_hooked_or_patched() -> None:
    names = ("__call__", "zero_grad")
    before = [vars(nn.Module)[name] for name in names]
    with Recorder():
        KINDS["plain"]()
    assert [vars(nn.Module)[name] for name in names] == before
    assert torch._C._len_torch_function_stack() == 0


def test_the_recording_ends_after_its_steps_and_takes_its_hooks_off_in_the_loop() -> None:
    with Recorder(steps=5) as recorder:
        KINDS["plain"]()
        assert recorder.is_over
        assert torch._C._len_torch_function_stack() == 0
    assert len(recorder.recording.units) == 5


def test_a_memory_that_is_full_ends_the_recording_and_is_said() -> None:
    with Recorder(memory=400) as recorder:
        KINDS["plain"]()
    assert 0 < len(recorder.recording.units) < 5
    assert "steps were recorded" in recorder.recording.notes[0]


def test_a_loss_that_went_through_numpy_is_the_named_obstacle() -> None:
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder() as recorder:
        output = model(torch.randn(8, 6))
        value = output.detach().numpy().mean()
        loss = torch.tensor(value, requires_grad=True)
        loss.backward()
        optimizer.step()
    assert recorder.recording.obstacle.startswith("the loss went through numpy at test_recorded")


def test_an_exception_in_the_middle_puts_the_trained_state_back() -> None:
    with Recorder() as recorder:
        [model], _ = KINDS["plain"]()
    before = copy.deepcopy(model.state_dict())

    def interrupted() -> None:
        with Replay(recorder.recording, model) as replay:
            replay.build(seed=3).step()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_memory_that_a_weight_has_left_is_no_longer_its_own() -> None:
    weight = nn.Parameter(torch.ones(3))
    known = Identities()
    known.expect(torch.optim.SGD([weight]))
    known.placeholder(weight)
    assert isinstance(known.placeholder(weight.data), Alias)
    left = weight.data
    weight.data = 0.9 * left
    assert isinstance(known.placeholder(left), Given)
    assert not known.is_followed(left)


def test_an_index_that_is_shuffled_later_is_the_one_that_was_used() -> None:
    torch.manual_seed(0)
    model, order = nn.Linear(6, 2), np.arange(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs = torch.randn(8, 6)
    with Recorder() as recorder:
        for step in range(6):
            np.random.default_rng(step).shuffle(order)
            optimizer.zero_grad()
            model(inputs)[order[:3]].square().mean().backward()
            optimizer.step()
    with Replay(recorder.recording, model) as replay:
        assert reproduced(replay).exact


def test_an_optimizer_that_is_made_anew_in_each_epoch_is_one_training() -> None:
    torch.manual_seed(0)
    model, data = nn.Linear(6, 2), batches(number=32)
    with Recorder(steps=10) as recorder:
        for _ in range(3):
            optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
            for inputs, target in data:
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), target).backward()
                optimizer.step()
    recording = recorder.recording
    assert len(recording.units) == 10
    assert not opposed(recording)
    with Replay(recording, model) as replay:
        assert reproduced(replay).exact
        assert len(subject_of_steps(replay).optimizers) == 1


def test_a_metric_that_is_summed_up_ties_no_step_to_another() -> None:
    with Recorder() as recorder:
        KINDS["plain"]()
    assert not recorder.recording.is_chained


def test_what_initializes_weights_is_no_step() -> None:
    with Recorder() as recorder:
        KINDS["initialized"]()
    assert isinstance(recorder.recording.units[0].events[0], Call)


def weighted(output: Tensor, target: Tensor) -> Tensor:
    each = F.cross_entropy(output, target, reduction="none")
    return (each * torch.from_numpy(each.detach().numpy().clip(0, 1))).mean()


def mined(output: Tensor, target: Tensor) -> Tensor:
    hardest = F.cross_entropy(output, target, reduction="none").tolist()
    chosen = [index for index, value in enumerate(hardest) if value > 0.5]
    return F.cross_entropy(output[chosen], target[torch.tensor(chosen)])


def measured(output: Tensor, target: Tensor) -> Tensor:
    """A metric before the loss is computed; its target was there before."""
    assert len(output.argmax(1).tolist()) == len(target.numpy())
    return F.cross_entropy(output, target)


@pytest.mark.parametrize("loss_of", [weighted, mined, measured])
def test_what_leaves_torch_and_comes_back_into_the_loss_is_told_and_metrics_are_not(
    loss_of: Callable[[Tensor, Tensor], Tensor],
) -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(steps=3) as recorder:
        for _ in range(3):
            with torch.no_grad():  # an evaluation
                model(torch.randn(8, 6)).numpy()
            model(torch.randn(8, 6)).detach().numpy()  # what an agent tries
            inputs, target = torch.randn(8, 6), torch.randint(0, 2, (8,))
            output = model(inputs)
            optimizer.zero_grad()
            loss_of(output, target).backward()
            optimizer.step()
            output.detach().numpy().argmax(1)
    said = recorder.recording.returning
    assert ("at test_recorded_and_played.py" in said) == (loss_of is not measured), said


def otherwise_rounded(module: torch.fx.GraphModule, _: object) -> object:
    """A compiler whose code rounds in its own way."""
    return lambda *args: tuple(out * (1 + 1e-7) for out in module(*args))


@pytest.mark.heavy
def test_compiled_steps_are_reproduced_within_rounding_and_others_to_the_bit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    compiled = torch.compile(model, backend=otherwise_rounded)
    with Recorder() as recorder:
        for _ in range(8):
            optimizer.zero_grad()
            compiled(torch.randn(8, 6)).square().mean().backward()
            optimizer.step()
    recording = recorder.recording
    with Replay(recording, model) as replay:
        answer = reproduced(replay)
        assert answer.succeeded
        assert not answer.exact
        assert str(answer).endswith("within rounding")
    recording.compiled = False
    with Replay(recording, model) as replay:
        assert not reproduced(replay).succeeded


def test_hooks_that_watching_sets_amid_a_closure_are_no_part_of_the_step() -> None:
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, target = torch.randn(8, 4), torch.zeros(8, dtype=torch.long)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs), target)
        loss.backward()
        return loss

    with watch(model, optimizer, verify=True) as seen:
        for _ in range(6):
            optimizer.step(closure)
    assert seen._recorder is not None
    with Replay(seen._recorder.recording, model) as replay:
        assert reproduced(replay).succeeded
    assert not any(p._post_accumulate_grad_hooks for p in model.parameters())


def test_a_rate_that_a_hook_of_the_step_raises_is_played_as_it_was() -> None:
    """The hook counts by itself: it would go on counting in a replay."""
    torch.manual_seed(0)
    model, taken = network(), 0
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)

    def rise(*_: object) -> None:
        nonlocal taken
        taken += 1
        optimizer.param_groups[0]["lr"] = 0.1 * min(1.0, taken / 10)

    optimizer.register_step_pre_hook(rise)
    with Recorder() as recorder:
        for x, y in (pair for _ in range(2) for pair in batches()):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    with Replay(recorder.recording, model) as replay:
        answer = reproduced(replay)
    assert answer.exact, str(answer)
    assert len(optimizer._optimizer_step_pre_hooks) == 1
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_update_that_raises_leaves_no_hook() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def refuse(*_: object) -> None:
        raise ValueError("not now")

    handle = optimizer.register_step_pre_hook(refuse)
    with Recorder():
        model(torch.randn(8, 6)).square().mean().backward()
        with pytest.raises(ValueError, match="not now"):
            optimizer.step()
    handle.remove()
    assert not optimizer._optimizer_step_pre_hooks
