"""The time of one step, with everything it started on a device."""

import time
from collections.abc import Callable

import torch


def synchronize(device: str) -> None:
    """Wait until the device has done what it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def timed(step: Callable[[], object], device: str) -> float:
    """Return the seconds of one step, without what was started before it."""
    synchronize(device)
    begun = time.perf_counter()
    step()
    synchronize(device)
    return time.perf_counter() - begun
