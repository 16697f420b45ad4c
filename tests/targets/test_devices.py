"""Steps are repeated on one thread where that is as fast and changes nothing."""

import time
from collections.abc import Iterator

import pytest
import torch

from gradcheck_cli.targets.devices import fewest_threads


@pytest.fixture(autouse=True)
def _several() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("slow_on", "losses", "expected"),
    [
        (2, {1: [0.5, float("nan")], 2: [0.5, float("nan")]}, 1),
        (1, {1: [0.5], 2: [0.5]}, 2),
        (2, {1: [0.5], 2: [0.5000001]}, 2),
        (2, {1: [], 2: []}, 2),
    ],
    ids=["faster alone", "faster together", "another loss", "no steps can be made"],
)
def test_one_thread_is_taken_where_it_is_faster_and_gives_the_same(
    slow_on: int, losses: dict[int, list[float]], expected: int
) -> None:
    def steps() -> list[float]:
        threads = torch.get_num_threads()
        ends = time.thread_time() + (0.03 if threads == slow_on else 0.01)
        while time.thread_time() < ends:
            pass
        return losses[threads]

    with fewest_threads(steps):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


def test_the_threads_come_back_after_exceptions_of_the_steps_and_inside() -> None:
    def broken() -> list[float]:
        raise RuntimeError

    def interrupted() -> None:
        with fewest_threads(broken):
            assert torch.get_num_threads() == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.get_num_threads() == 2
