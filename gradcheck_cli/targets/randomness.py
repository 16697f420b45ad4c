"""Where chance comes from: Python, numpy (where it is loaded) and torch."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Start every generator at `seed`; numpy only where it is loaded already."""
    seed_host(seed)
    if _has_accelerator():  # without one torch would format the stack, for each kind there is
        torch.manual_seed(seed)


@cache
def _has_accelerator() -> bool:
    kinds = (torch.cuda, torch.backends.mps, torch.xpu)
    custom = getattr(torch, torch._C._get_privateuse1_backend_name(), None)  # noqa: SLF001 - no public way to ask
    return custom is not None or any(kind.is_available() for kind in kinds)


@dataclass(frozen=True, slots=True)
class State:
    """The position of every generator."""

    python: Any
    numpy: Any
    host: Tensor
    cuda: tuple[Tensor, ...] = ()
    mps: Tensor | None = None

    def restore(self) -> None:
        """Continue from here."""
        random.setstate(self.python)
        if self.numpy is not None:
            sys.modules["numpy"].random.set_state(self.numpy)
        torch.set_rng_state(self.host)
        if self.cuda:
            torch.cuda.set_rng_state_all(list(self.cuda))
        if self.mps is not None:
            torch.mps.set_rng_state(self.mps)


def capture(*, accelerators: bool = True) -> State:
    """Return the position of every generator."""
    numpy = sys.modules.get("numpy")
    cuda = accelerators and torch.cuda.is_available() and torch.cuda.is_initialized()
    mps = accelerators and torch.backends.mps.is_available()
    return State(
        random.getstate(),
        numpy.random.get_state() if numpy is not None else None,
        torch.get_rng_state(),
        tuple(torch.cuda.get_rng_state_all()) if cuda else (),
        torch.mps.get_rng_state() if mps else None,
    )


@contextmanager
def unchanged() -> Iterator[None]:
    """Leave every generator as it was, whatever happens inside."""
    state = capture()
    try:
        yield
    finally:
        state.restore()


@dataclass(slots=True)
class Stream:
    """Chance of one's own: what flows inside neither sees nor moves the generators outside.

    The data has one, so that batches do not depend on how much chance the model has used.
    """

    seed: int
    state: State | None = field(default=None, init=False)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Draw from this stream inside."""
        outside = capture(accelerators=False)
        try:
            if self.state is None:
                seed_host(self.seed)
            else:
                self.state.restore()
            yield
            self.state = capture(accelerators=False)
        finally:
            outside.restore()


def seed_host(seed: int) -> None:
    """Seed everything but accelerators, whose generators stay where they are."""
    random.seed(seed)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
