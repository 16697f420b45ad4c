"""One of several trainings that take turns on the same live objects, or by itself while the others stand still.

Of two networks that are trained against each other, neither loss says alone whether a change helps:
the better one makes the other's rise. Against an opponent that stands still a loss is one again.
What is trained by the same backward passes trains along, as an encoder with its decoder.
"""

import math
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from gradcheck_cli.replay.events import Applied, Backward, Call, Event, Method, Update, flat
from gradcheck_cli.replay.outside import silent
from gradcheck_cli.replay.playing import Player
from gradcheck_cli.replay.recording import CUTS, Recording, Unit
from gradcheck_cli.replay.state import Holdings, State
from gradcheck_cli.replay.values import Owned, placeholders
from gradcheck_cli.targets.kept import kept
from gradcheck_cli.targets.loop import eager
from gradcheck_cli.targets.optimizers import ids_held_by
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
            stack.enter_context(kept(self.holdings.modules.values()))
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


Passes = dict[int, set[Backward]]  # by id of the optimizer


def apart(recording: Recording, own: Sequence[Optimizer]) -> tuple[Recording | None, str]:
    """Return the recorded steps in which only `own` optimizers learn, or None and the reason why not."""
    passes, _ = _passes(recording)
    mine = set().union(*(passes.get(id(o), set()) for o in own))
    if not mine:
        return None, "no backward pass of its own was recorded"
    learning = {id(o) for o in recording.optimizers if o in own or passes[id(o)] == mine}
    if any(passes[id(o)] & mine for o in recording.optimizers if id(o) not in learning):
        return None, "a part of its loss is the loss of another as well"
    updates = [e for e in flat(recording.events) if isinstance(e, Update)]
    scalers = {id(e.scaler) for e in updates if id(e.optimizer) in learning}
    events = [_alone(e, mine) for e in recording.events if not _of_others(e, learning, scalers)]
    return replace(recording, events=events), ""


def opposed(recording: Recording) -> bool:
    """Does a loss reach what an optimizer trains that does not learn from it?

    Then the sum of the losses is nobody's aim, as in a GAN: what one gains the other loses.
    """
    passes, reached = _passes(recording)
    return any(
        bool(ids_held_by(o) & reached[e]) and e not in passes[id(o)]
        for e in set().union(*passes.values())
        for o in recording.optimizers
    )


def _passes(recording: Recording) -> tuple[Passes, dict[Backward, set[int]]]:
    """Return the backward passes whose gradients each optimizer uses, and what each of them reaches.

    They are of those since the last update; where there were none, of those that it used.
    """
    found: Passes = {}
    each = ((unit, e) for unit in recording.units for e in unit.all if isinstance(e, Backward))
    reached = {event: _reached(unit, event) for unit, event in each}
    pending: set[Backward] = set()
    last: set[Backward] = set()
    for event in flat(recording.events):
        if isinstance(event, Backward):
            pending.add(event)
        elif isinstance(event, Update):
            last, pending = pending or last, set()
            used = {e for e in last if ids_held_by(event.optimizer) & reached.get(e, set())}
            found.setdefault(recording.roles[id(event.optimizer)], set()).update(used)
    return {key: found[role] for key, role in recording.roles.items()}, reached


def _reached(unit: Unit, backward: Backward) -> set[int]:
    """Return the ids of the parameters that a backward pass may reach."""
    wanted, found = set(backward.losses), set[int]()
    for event in reversed(unit.all[: unit.all.index(backward)]):
        cut = isinstance(event, Applied) and event.name in CUTS
        if not event.writes & wanted or cut or not event.modes.grad:
            continue
        wanted |= event.reads
        given = (*placeholders(event.args), *placeholders(event.kwargs))
        found |= {id(x.tensor) for x in given if isinstance(x, Owned)}
        if isinstance(event, Call):
            found |= {id(p) for p in event.module.parameters()}
    return found


def _of_others(event: Event, learning: Container[int], scalers: Container[int]) -> bool:
    """Is it an update of another training, or what a gradient scaler does for one?"""
    if isinstance(event, Update):
        return id(event.optimizer) not in learning
    if not isinstance(event, Method) or not isinstance(event.owner, GradScaler):
        return False
    if event.name == "unscale_":
        return any(isinstance(x, Optimizer) and id(x) not in learning for x in event.args)
    return event.name == "update" and id(event.owner) not in scalers


def _alone(event: Event, mine: Container[Backward]) -> Event:
    """Leave out a loss of another training; its backward pass stays, because it writes gradients."""
    if not isinstance(event, Backward) or event in mine:
        return event
    return replace(event, losses=(), values=())
