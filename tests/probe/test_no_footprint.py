"""Watching changes nothing: not one bit of losses, weights, states and random numbers."""

import copy
import gc
import io
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any
from weakref import ref

import pytest
import torch
from torch import nn
from torch.nn.modules import module as global_hooks
from torch.optim import optimizer as optimizer_hooks
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

from gradcheck_cli.probe.listening import Listening
from gradcheck_cli.probe.recorder import Recorder
from tests.probe.architectures import ARCHITECTURES, Training

by_name = pytest.mark.parametrize("build", ARCHITECTURES, ids=[a.__name__ for a in ARCHITECTURES])
STEPS = 4


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b) or bool((a.isnan() & b.isnan()).all())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def bare(build: Callable[[], Training]) -> list[Any]:
    torch.manual_seed(0)
    training = build()
    return [[training.step() for _ in range(STEPS)], *training.state()]


def hooks_everywhere(training: Training) -> list[int]:
    """Count every hook that a probe could have left."""
    found = [
        len(vars(global_hooks)[name])
        for name in vars(global_hooks)
        if name.startswith("_global") and hasattr(vars(global_hooks)[name], "__len__")
    ]
    found += [
        len(optimizer_hooks._global_optimizer_pre_hooks),
        len(optimizer_hooks._global_optimizer_post_hooks),
        len(_get_current_function_mode_stack()),
    ]
    for model in training.models:
        for module in model.modules():
            found += [len(v) for k, v in vars(module).items() if "hooks" in k and v is not None]
        for parameter in model.parameters():
            found.append(len(parameter._backward_hooks or ()))
            found.append(len(parameter._post_accumulate_grad_hooks or ()))
    for optimizer in training.optimizers:
        found += [len(v) for k, v in vars(optimizer).items() if "hooks" in k]
    return found


@by_name
@pytest.mark.parametrize("inspect", [True, False])
def test_bitwise_the_same_run(build: Callable[[], Training], inspect: bool) -> None:
    expected = bare(build)
    torch.manual_seed(0)
    training = build()
    names = [f"m{i}" for i in range(len(training.models))] if len(training.models) > 1 else [""]
    losses = []
    with Recorder(training.models, training.optimizers, names=names) as recorder:
        for _ in range(STEPS):
            with recorder.step(inspect=inspect):
                losses.append(training.step())
            recorder.finish_step(float(losses[-1]))
    recorder.trace()
    assert same([losses, *training.state()], expected)
    assert all(s.readings for s in recorder.steps)


@by_name
@pytest.mark.parametrize("fails", [False, True])
def test_no_hook_is_left(build: Callable[[], Training], fails: bool) -> None:
    torch.manual_seed(0)
    training = build()
    before = hooks_everywhere(training)
    recorder = Recorder(training.models, training.optimizers)
    expected = pytest.raises(ZeroDivisionError) if fails else nullcontext()
    with expected, recorder, recorder.step(inspect=True):
        training.step()
        assert not fails or 1 / 0
    assert hooks_everywhere(training) == before


def test_an_exception_inside_a_module_leaves_nothing_and_the_next_step_is_read() -> None:
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.bad = nn.Linear(3, 2), True

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.inner(x)
            if self.bad:
                raise ValueError("moody")
            return y

    model = Moody()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = Recorder([model], [optimizer])
    with recorder:
        with pytest.raises(ValueError, match="moody"), recorder.step(inspect=True):
            model(torch.ones(2, 3))
        recorder.forget()
        model.bad = False
        with recorder.step(inspect=True):
            loss = model(torch.ones(2, 3)).sum()
            loss.backward()
            optimizer.step()
        recorder.finish_step(float(loss.detach()))
    assert recorder.steps[0].readings["inner"].output.count == 4
    assert [x.depth for x in recorder.trace().layers] == [0]


@by_name
def test_models_can_be_saved_copied_and_sent_while_watched(build: Callable[[], Training]) -> None:
    torch.manual_seed(0)
    training = build()
    with Recorder(training.models, training.optimizers) as recorder:
        with recorder.step(inspect=True):
            training.step()
            for model in training.models:
                pickle.loads(pickle.dumps(model))
                copy.deepcopy(model)
                torch.save(model, io.BytesIO())
                torch.save(model.state_dict(), io.BytesIO())
        recorder.finish_step(0.0)


class Counting(TorchFunctionMode):
    """A mode of the user's own."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.heard += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("around", ["step", "update", "nothing"])
def test_modes_of_the_users_stay_where_they_are(around: str, fails: bool) -> None:
    def bad_update(*_: object) -> None:
        raise ZeroDivisionError

    model, mode = nn.Linear(3, 2), Counting()
    optimizer = torch.optim.Adam(model.parameters())
    handle = optimizer.register_step_pre_hook(bad_update) if fails else None
    before = _get_current_function_mode_stack()
    outer = mode if around == "step" else nullcontext()
    with Recorder([model], [optimizer]) as recorder, recorder.step(inspect=True), outer:
        model(torch.ones(2, 3)).sum().backward()
        stack = _get_current_function_mode_stack()
        update = mode if around == "update" else nullcontext()
        with pytest.raises(ZeroDivisionError) if fails else nullcontext(), update:
            optimizer.step()
        if not fails:
            assert _get_current_function_mode_stack() == stack
        heard = mode.heard
        torch.ones(2).add(1)
        assert (mode.heard > heard) == (around == "step")
    assert _get_current_function_mode_stack() == before
    if handle is not None:
        handle.remove()


@pytest.mark.parametrize("mode", [Counting(), torch.device("cpu")])
def test_a_mode_entered_before_a_step_is_the_one_that_is_left_in_it(mode: Any) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder([model], [optimizer]) as recorder:
        step = recorder.step(inspect=True)
        with mode:
            step.__enter__()
            loss = model(torch.ones(2, 3)).sum()
        [listening] = _get_current_function_mode_stack()
        assert isinstance(listening, Listening)
        loss.backward()
        optimizer.step()
        step.__exit__(None, None, None)
    assert _get_current_function_mode_stack() == []


def test_a_default_device_set_in_a_step_can_be_taken_back() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder([model], [optimizer]) as recorder, recorder.step(inspect=True):
        torch.set_default_device("cpu")
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        torch.set_default_device(None)
    assert _get_current_function_mode_stack() == []


def test_branches_that_run_in_threads_leave_no_mode_there_and_lose_none() -> None:
    branches = [nn.Sequential(*[nn.Linear(64, 64) for _ in range(4)]) for _ in range(2)]
    model = nn.ModuleList(branches)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with ThreadPoolExecutor(1) as pool, Recorder([model], [optimizer]) as recorder:
        for _ in range(10):
            with recorder.step(inspect=True):
                other = pool.submit(branches[1], torch.ones(64, 64))
                loss = (branches[0](torch.ones(64, 64)) + other.result()).sum()
                assert len(_get_current_function_mode_stack()) == 1
                loss.backward()
                optimizer.step()
        assert pool.submit(_get_current_function_mode_stack).result() == []


def test_the_calls_of_an_update_are_not_heard() -> None:
    model, heard = nn.Linear(3, 2), []
    optimizer = torch.optim.Adam(model.parameters())
    with Recorder([model], [optimizer]) as recorder, recorder.step(inspect=True):
        model(torch.ones(2, 3)).sum().backward()
        listening = len(_get_current_function_mode_stack())
        optimizer.register_step_pre_hook(
            lambda *_: heard.append(len(_get_current_function_mode_stack()))
        )
        optimizer.step()
        assert len(_get_current_function_mode_stack()) == listening == 1
    assert heard == [0]


def test_settings_of_torch_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def settings() -> list[Any]:
        return [
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_anomaly_enabled(),
            threading.active_count(),
        ]

    training = ARCHITECTURES[0]()
    before = settings()
    with Recorder(training.models, training.optimizers) as recorder:
        with recorder.step(inspect=True):
            training.step()
        recorder.finish_step(0.0)
        assert settings() == before
    assert settings() == before


def test_no_activation_outlives_its_step() -> None:
    training = ARCHITECTURES[1]()
    with Recorder(training.models, training.optimizers) as recorder:
        for _ in range(3):
            with recorder.step(inspect=True):
                training.step()
            recorder.finish_step(0.0)
        gc.collect()
        graphs = [x for x in gc.get_objects() if issubclass(type(x), torch.Tensor) and x.grad_fn]
    assert graphs == []


def test_scores_that_a_loss_picks_by_hand_are_kept_no_longer_than_their_step() -> None:
    model = nn.Linear(6, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept = []
    with Recorder([model], [optimizer]) as recorder:
        for _ in range(3):
            with recorder.step(inspect=True):
                chances = model(torch.rand(8, 6)).exp()
                kept.append(ref(chances))
                (chances.sum(1) - chances[torch.arange(8), torch.arange(8) % 4]).sum().backward()
                del chances
                optimizer.step()
            recorder.finish_step(0.0)
        gc.collect()
        assert [x for x in kept if x() is not None] == []


def test_what_is_kept_does_not_grow_with_steps() -> None:
    def kept() -> int:
        gc.collect()
        tensors = [x for x in gc.get_objects() if issubclass(type(x), torch.Tensor)]
        return sum(x.numel() * x.element_size() for x in tensors)

    training = ARCHITECTURES[1]()
    sizes = []
    with Recorder(training.models, training.optimizers) as recorder:
        for _ in range(12):
            with recorder.step(inspect=True):
                training.step()
            recorder.finish_step(0.0)
            sizes.append(kept())
    assert max(sizes[6:]) <= sizes[5]
