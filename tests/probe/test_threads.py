"""The first thread that trains is watched; others train on as if nobody looked."""

import sys
import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn

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
