"""One of several trainings that take turns on the same live objects."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.replay.playing import Player
from gradcheck_cli.replay.recording import Unit
from gradcheck_cli.replay.silence import silent
from gradcheck_cli.replay.state import Holdings, State
from gradcheck_cli.targets.loop import eager
from gradcheck_cli.targets.randomness import unchanged
from gradcheck_cli.targets.training import Outcome


@dataclass(slots=True)
class Arm:
    """One training on the live objects: what they hold while it is its turn."""

    holdings: Holdings
    takes_its_turn: Callable[["Arm"], None]
    state: State
    player: Player
    order: Iterator[Unit]
    unseen: tuple[Unit, ...]
    hooks: list[tuple[Tensor, Any]] = field(default_factory=list)  # on gradients, of the change
    handles: list[Any] = field(default_factory=list)

    def step(self) -> Outcome:
        """Play the next step."""
        with silent(), eager():
            loss = self.player.play(next(self.order))
            return Outcome(torch.tensor(loss, dtype=torch.float64))

    def evaluate(self, number: int) -> float:
        """Return the mean loss over steps that were held out; nothing is changed by it."""
        with ExitStack() as stack:
            stack.enter_context(unchanged())
            stack.enter_context(silent())
            stack.enter_context(eager())
            stack.enter_context(_buffers_kept(self.holdings))
            wanted = self.unseen[:number]
            losses = self.player.losses_of([*self._before(wanted), *wanted])
        losses = losses[len(losses) - len(wanted) :]
        return sum(losses) / len(losses) if losses else math.nan

    def _before(self, wanted: Sequence[Unit]) -> Sequence[Unit]:
        """Return the steps that make what these need, as a hidden state that is carried over."""
        recording = self.player.recording
        return recording.units[: wanted[0].index] if wanted and recording.is_chained else ()

    def hook(self) -> None:
        """Register the hooks of the change, which live on tensors that all arms share."""
        if self.player.vary.clip != math.inf:  # clipping is left out there: nothing is to be undone
            self.handles = [t.register_post_accumulate_grad_hook(h) for t, h in self.hooks]

    def unhook(self) -> None:
        """Remove them."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the live objects hold this training."""
        self.takes_its_turn(self)
        yield


def ordered(units: Sequence[Unit], seed: int | None) -> Iterator[Unit]:
    """Yield the steps again and again; with a seed in another order each time."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    while True:
        if generator is None:
            yield from units
        else:
            for index in torch.randperm(len(units), generator=generator).tolist():
                yield units[index]


@contextmanager
def _buffers_kept(holdings: Holdings) -> Iterator[None]:
    """Give every module its buffers and attributes back as they were."""
    alone = Holdings(modules=holdings.modules)
    state = State.of(alone)
    buffers = [(b, b.clone()) for m in holdings.modules.values() for b in m.buffers(recurse=False)]
    try:
        yield
    finally:
        state.install()
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
