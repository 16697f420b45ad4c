"""Whether copies of a training fit into memory beside the user's own."""

import os

import torch

from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.repeatable import Repeatable
from gradcheck_cli.targets.training import Training

COPIES = 4  # weights, gradients, and two moments of an optimizer
TOGETHER = 3  # control, sham and treated
SHARE = 0.8  # of the free memory that may be used
MANY = 32  # copies, more than which are never kept


def needed(training: Training) -> int:
    """Return the bytes that one arm takes, activations aside."""
    return COPIES * sum(p.numel() * p.element_size() for p in training.model.parameters())


def free(device: torch.device) -> int | None:
    """Return the bytes that are free, None where nobody can say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if device.type != "cpu" or "SC_AVPHYS_PAGES" not in names:
        return None
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def fitting(target: Repeatable) -> tuple[int, str]:
    """Return how many copies of the training fit, and why that is too few ('' where it is not)."""
    with unchanged():
        training = target.build()
    room, one = free(training.device), needed(training)
    if room is None or one == 0:
        return MANY, ""
    copies = int(SHARE * room / one)
    if copies >= TOGETHER:
        return min(copies, MANY), ""
    return copies, (
        f"{TOGETHER} copies of the training need {TOGETHER * one / 2**30:.1f} GiB and "
        f"{room / 2**30:.1f} GiB are free; try a smaller model"
    )
