"""Where to compute, and on how many threads: small operations are slower on several.

The threads of one operation wait for each other in a loop. Where another program holds a processor they
wait until it hands it over, and the steps of a small network take ten times as long.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from gradcheck_cli.errors import THEIRS, UsageError


def choose_device(name: str) -> torch.device:
    """Return the device of this name; `auto` is an accelerator where there is one. Raises UsageError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}; use auto, cpu, cuda or mps") from None
    present = {
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    if (device.index or 0) >= present.get(device.type, 1):
        raise UsageError(f"device {name} is not available here; use auto or cpu")
    return device


FEW = 3  # steps
GAIN = 1.2  # several threads have to be so much faster: budgets count the work of all
LONGEST = 1.0  # seconds for them on all threads; so large operations gain from several


@contextmanager
def fewest_threads(steps: Callable[[], Sequence[float]]) -> Iterator[None]:
    """Compute on one thread inside where that is about as fast and gives the same losses bit for bit.

    `steps` makes the same few steps each time and returns their losses, none where it cannot.
    """
    threads = torch.get_num_threads()
    try:
        if threads > 1 and _one_is_enough(steps, threads):
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)


def _one_is_enough(steps: Callable[[], Sequence[float]], threads: int) -> bool:
    try:
        if not steps():  # the first time is slower
            return False
        several, together = _timed(steps)
        if several > LONGEST:
            return False
        torch.set_num_threads(1)
        one, alone = _timed(steps)
    except THEIRS:  # who makes the steps in earnest hears of it
        return False
    finally:
        torch.set_num_threads(threads)
    return alone == together and one <= GAIN * several


def _timed(steps: Callable[[], Sequence[float]]) -> tuple[float, list[str]]:
    """Return the seconds that this thread worked or waited for its helpers, whoever else ran, and the losses."""
    began = time.thread_time()
    losses = steps()
    return time.thread_time() - began, [float(loss).hex() for loss in losses]


def losses_of_few(subject: Any) -> list[float]:
    """Return the losses of the first steps of a subject of experiments; they leave no trace."""
    with subject.at("now"):
        return [subject.step(subject.batches[0]) for _ in range(FEW)]
