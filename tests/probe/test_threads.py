"""The first thread that trains is watched; others train on as if nobody looked."""

import sys
import threading
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from gradcheck_cli.probe.everywhere import Everywhere
from gradcheck_cli.witnessing import gaps_of


def training(steps: int, after: Callable[[], None] = lambda: None) -> list[float]:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        x = torch.randn(16, 4)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), x[:, :3].argmax(1))
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        after()
    return losses


def test_a_script_may_train_in_a_thread_of_its_own() -> None:
    with Everywhere() as watcher:
        thread = threading.Thread(target=training, args=(10,))
        thread.start()
        thread.join()
    [session] = watcher.sessions
    assert session.steps == 9  # the first update tells which thread it is
    assert session.waiting.unseen_losses == 0


@pytest.mark.parametrize("_again", range(5))
def test_a_second_thread_trains_unseen_and_is_named(_again: int) -> None:
    torch.manual_seed(0)
    failed: list[BaseException] = []
    first, second = threading.Event(), threading.Event()

    def other() -> None:
        first.wait()
        try:
            training(60, second.set)
        except BaseException as error:  # noqa: BLE001 - told by the assertion
            failed.append(error)
        finally:
            second.set()  # the first one waits for it

    thread = threading.Thread(target=other)
    with Everywhere() as watcher:
        thread.start()
        training(60, lambda: (first.set(), second.wait())[0])
        thread.join()
        gaps = [gap.what for gap in gaps_of(watcher)]
    assert not failed
    [session] = watcher.sessions
    assert session.steps == 60
    assert "what SGD trains in another thread" in gaps


class Told(nn.Parameter):
    """Notes which threads read its gradient, and calls back when its values are read for the first time."""

    readers: ClassVar[set[int]] = set()
    first_read: ClassVar[list[Callable[[], None]]] = []

    def detach(self) -> torch.Tensor:
        if self.first_read:
            self.first_read.pop()()
        return super().detach()

    @property
    def grad(self) -> torch.Tensor | None:
        self.readers.add(threading.get_ident())
        return super().grad

    @grad.setter
    def grad(self, value: torch.Tensor | None) -> None:
        nn.Parameter.grad.__set__(self, value)

    @grad.deleter
    def grad(self) -> None:
        nn.Parameter.grad.__delete__(self)


def test_gradients_are_read_only_in_the_thread_that_trains_by_them() -> None:
    turns = threading.Barrier(2, timeout=60)
    Told.readers.clear()

    def meanwhile() -> None:
        turns.wait()  # the other one trains now
        turns.wait()

    def other() -> None:
        meanwhile()
        weight = Told(torch.randn(4, 3))
        Told.first_read.append(meanwhile)  # as the optimizer is met
        optimizer = torch.optim.SGD([weight], lr=0.1)
        for _ in range(4):
            meanwhile()
            optimizer.zero_grad()
            meanwhile()
            nn.functional.cross_entropy(torch.randn(8, 4) @ weight, torch.arange(8) % 3).backward()
            meanwhile()
            optimizer.step()
        meanwhile()

    thread = threading.Thread(target=other)
    with Everywhere() as watcher:
        thread.start()
        for _ in range(15):
            turns.wait()
            training(2)
            turns.wait()
        thread.join()
    assert Told.readers == {thread.ident}
    assert "what SGD trains in another thread" in [gap.what for gap in gaps_of(watcher)]


def test_a_backward_pass_is_seen_while_another_thread_runs_one() -> None:
    inside, done = threading.Event(), threading.Event()

    def other() -> None:
        x = torch.ones(3, requires_grad=True)
        x.register_hook(lambda _: (inside.set(), done.wait(60))[0] and None)
        x.sum().backward()

    def during() -> None:
        if not inside.is_set():
            thread.start()
            inside.wait(60)

    thread = threading.Thread(target=other)
    with Everywhere() as watcher:
        training(10, during)
        done.set()
        thread.join()
    [session] = watcher.sessions
    assert session.steps == 10
    assert session.waiting.unseen_losses == 0


def test_a_call_in_another_thread_may_outlast_the_watching() -> None:
    inside, over = threading.Event(), threading.Event()
    made: list[torch.Tensor] = []

    def waits(module: nn.Module, *_: object) -> None:
        if threading.current_thread() is thread:
            inside.set()
            over.wait(60)

    thread = threading.Thread(target=lambda: made.append(nn.Linear(4, 3)(torch.ones(2, 4))))
    before = register_module_forward_hook(waits)  # called before those of the watcher
    try:
        with Everywhere():
            training(3)
            thread.start()
            inside.wait(60)
        over.set()
        thread.join()
    finally:
        before.remove()
    assert [x.shape for x in made] == [(2, 3)]


def test_other_threads_may_make_model_after_model() -> None:
    enough = threading.Event()
    made: list[int] = []

    def others() -> None:
        while not enough.is_set():
            made.append(len(training(2)))

    threads = [threading.Thread(target=others) for _ in range(2)]
    often, usual = 1e-5, sys.getswitchinterval()
    with Everywhere() as watcher:
        training(2, lambda: [thread.start() for thread in threads if not thread.ident])
        sys.setswitchinterval(often)
        try:
            losses = training(400)
        finally:
            enough.set()
            sys.setswitchinterval(usual)
            for thread in threads:
                thread.join()
    assert len(losses) == 400
    assert made
    assert watcher.sessions[-1].steps > 300
