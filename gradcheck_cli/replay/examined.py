"""Experiments on a training that was recorded: its steps are played with other inputs or outputs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from math import isclose
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradcheck_cli.errors import wording
from gradcheck_cli.examine.common import ONWARDS, batches_of, exchanged, one_step, real
from gradcheck_cli.examine.passes_over import quietly
from gradcheck_cli.examine.subject import Moment, NotApplicableError
from gradcheck_cli.replay.events import Call, Event, Update
from gradcheck_cli.replay.outside import silent
from gradcheck_cli.replay.pieces import Piece, pieces
from gradcheck_cli.replay.playing import Player
from gradcheck_cli.replay.repeating import Replay
from gradcheck_cli.replay.rows import Rows, rows_of
from gradcheck_cli.replay.settings import Settings
from gradcheck_cli.replay.state import State
from gradcheck_cli.replay.values import Given, at
from gradcheck_cli.targets.calling import main_output
from gradcheck_cli.targets.kept import kept
from gradcheck_cli.targets.loop import eager
from gradcheck_cli.targets.modes import Region
from gradcheck_cli.targets.randomness import seed_everything, unchanged

SAME = 1e-4  # of a loss, whose terms are added up in another order
PIECE = "recorded"  # the entry of a batch that says how it is played
SCALE = 1024.0  # of a loss in half precision, for gradients that would be rounded to 0

Batch = Mapping[str, Any]


@dataclass(slots=True)
class Asking(Player):
    """Plays parts of a step with other data; modes and chance are left as they are."""

    data: dict[int, Tensor] = field(default_factory=dict)  # by id of what was given

    def ask(self, piece: Piece, events: Sequence[Event], data: Mapping[str, Tensor]) -> None:
        """Play these events; what they make lies in `values` then."""
        self.data = {id(given): data[name] for name, given in piece.given.items()}
        self.learning = torch.is_grad_enabled()
        self._fresh.clear()
        with silent(), Region() as region, eager():
            for event in events:
                region.enter(self._modes(event, piece.unit))
                args, kwargs = self.filled(event.args), self.filled(event.kwargs)
                with torch.set_grad_enabled(region.grad):
                    result = self._result(event, piece.unit, args, kwargs)
                self._keep(event, result, args, kwargs)

    def _call(self, event: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return event.module(*args, **kwargs)

    def _draw(self, event: Event) -> None:
        """Let the step draw anew."""

    def _of_data(self, entry: Given) -> Tensor:
        tensor = self.data.get(id(entry), entry.tensor)
        if not entry.fresh:
            return tensor
        if id(entry) not in self._fresh:
            copy = tensor.detach().clone()
            self._fresh[id(entry)] = copy.requires_grad_(entry.tensor.requires_grad)
        return self._fresh[id(entry)]


@dataclass(slots=True)
class RecordedSubject:
    """A training that was recorded, on its live objects; see `examine.subject.Subject`."""

    replay: Replay
    pieces: tuple[Piece, ...]
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    batches: tuple[Batch, ...] = field(init=False)
    model: nn.Module = field(init=False)
    optimizers: Sequence[Optimizer] = field(init=False)
    device: torch.device = field(init=False)
    collated: bool = False  # nobody says what the first dimension of a recorded tensor counts
    ended: bool = False
    _player: Asking = field(init=False)
    _found: Rows | None = None

    def __post_init__(self) -> None:
        recording, self.model = self.replay.recording, self.replay.model
        firsts = set(recording.roles.values())  # those made later stand in the place of these
        self.optimizers = [o for o in recording.optimizers if id(o) in firsts]
        self.device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        self._player = Asking(self.replay.recording)
        self.batches = tuple(map(_batch, self.pieces[: self._number]))

    @property
    def _number(self) -> int:
        first = self.pieces[0]
        size = next((len(t) for n in first.inputs if (t := first.given[n].tensor).ndim), 1) or 1
        return batches_of(size)

    def more(self) -> Iterator[Batch]:
        """Yield the other recorded batches again and again, each time in another order."""
        others = self.pieces[self._number :]
        row = others if len(others) >= self._number else self.pieces
        for turn in count():
            order = torch.Generator().manual_seed(ONWARDS + turn)
            for index in torch.randperm(len(row), generator=order).tolist():
                yield _batch(row[index])

    def further(self, most: int) -> Sequence[Batch]:
        """Return other recorded batches."""
        return tuple(map(_batch, self.pieces[self._number :][:most]))

    def apart(self) -> tuple[Iterator[Batch], Sequence[Batch]]:
        """Return endless batches of nine tenths of the recorded samples, and batches of the others."""
        return self._rows().parted(self.replay.seed)

    @property
    def steps_per_pass(self) -> int | None:
        """How many batches the samples of the recording fill; None where none of them came again."""
        passes = self._rows().many // self._rows().size
        return max(passes, 1) if passes < len(self.pieces) - 1 else None

    def _rows(self) -> Rows:
        if self._found is None:
            found = rows_of([*map(_batch, self.pieces)], self.pieces[0].inputs)
            if found.folded and not self._is_of_samples(found):
                raise NotApplicableError("targets do not follow the order of samples")
            self._found = found
        return self._found

    def _is_of_samples(self, rows: Rows) -> bool:
        """Does the loss stay when the samples of a batch change places?"""
        order = torch.arange(min(rows.size, rows.many))
        with quietly(self, moment="start"):
            costs = [float(self.total(rows.batch(o))) for o in (order, order.flip(0))]
        return isclose(*costs, rel_tol=SAME)

    def inputs(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the tensors that are handed to the model, each by its name."""
        return {name: batch[name] for name in _piece(batch).inputs}

    def targets(self, batch: Batch) -> Any:
        """Return what the outputs are compared with, or None."""
        return batch.get(_piece(batch).target_name)

    def outputs(self, batch: Batch, inputs: Mapping[str, Tensor] | None = None) -> Any:
        """Return what the call returns that the loss is computed from; see `Subject`."""
        piece = _piece(batch)
        if piece.main is None:
            raise NotApplicableError(piece.why)
        player, data = self._player, {**batch, **(inputs or {})}
        player.values = {}
        seen: list[Any] = []
        handle = piece.main.module.register_forward_hook(lambda _m, _i, out: seen.append(out))
        try:
            player.ask(piece, (*piece.before, piece.main), data)
        finally:
            handle.remove()
        return seen[-1]

    def main(self, outputs: Any) -> Tensor:
        """Return the tensor that is compared with targets."""
        piece = self.pieces[0]
        return real(main_output(outputs) if piece.inseparable else at(outputs, piece.path))

    def with_main(self, outputs: Any, tensor: Tensor) -> Any:
        """Return the outputs with another main tensor."""
        return exchanged(outputs, self.main(outputs), tensor)

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        """Return the recorded loss of these outputs."""
        piece = _piece(batch)
        if piece.inseparable or piece.main is None:
            raise NotApplicableError(piece.inseparable)
        read = frozenset().union(*(e.reads for e in piece.after))
        used = [(p, s) for p, s in piece.main.outputs if s in read and p[0] == ("item", 0)]
        player, player.values = self._player, {}
        try:
            if any(e.writes & read for e in piece.before):  # penalties on what earlier ones return
                player.ask(piece, piece.before, batch)
            player.values |= {slot: at(outputs, path[1:]) for path, slot in used}
            player.ask(piece, piece.after, batch)
        except Exception as error:
            raise NotApplicableError(f"the loss refuses other outputs: {wording(error)}") from error
        return self._sum(piece)

    def total(self, batch: Batch) -> Tensor:
        """Return the loss of the model on a batch; the sum where there are several."""
        piece = _piece(batch)
        self._player.values = {}
        self._player.ask(piece, piece.events, batch)
        return self._sum(piece)

    def _sum(self, piece: Piece) -> Tensor:
        values, self._player.values = self._player.values, {}
        if not values.keys() >= {*piece.losses}:
            raise NotApplicableError("the loss of a recorded step was not computed again")
        return torch.stack([values[slot].mean() for slot in piece.losses]).sum()

    def step(self, batch: Batch, loss_of: Callable[[Any], Tensor] | None = None) -> float:
        """Train on a batch once, without schedules, with what the loop does to gradients; return the loss before."""
        compute, piece = loss_of or self.total, _piece(batch)
        scale = SCALE if _is_scaled(piece.unit.all) else 1.0

        def finish(_: Sequence[Tensor]) -> None:
            self._player.values = {}
            self._player.ask(piece, piece.edits, batch)

        return one_step(self.optimizers, lambda: compute(batch), finish, scale)

    @contextmanager
    def at(self, moment: Moment) -> Iterator[None]:
        """Look at the training before its first step, or as it is now."""
        replay = self.replay
        with ExitStack() as stack:
            stack.enter_context(self.around())
            now = State.of(replay.holdings)
            stack.enter_context(unchanged())
            stack.enter_context(kept(replay.holdings.modules.values()))
            stack.callback(now.install)
            stack.enter_context(torch.enable_grad())
            (replay.start if moment == "start" else now).copied(replay.holdings.tensors).install()
            if moment == "start":
                self._set_rates()
            self._set_modes()
            seed_everything(replay.seed)
            yield

    def _set_rates(self) -> None:
        """Give optimizers the settings of the middle of the recording: a warm-up is over there."""
        for optimizer in self.optimizers:
            settings = self.replay.recording.settings_of(optimizer)
            Settings(settings).apply(optimizer, len(settings) // 2)

    def _set_modes(self) -> None:
        """Put every module into the mode of its first recorded call."""
        seen: set[int] = set()
        for event in self.pieces[0].events:
            for part, flag in event.training if isinstance(event, Call) else ():
                if id(part) not in seen:
                    part.training = flag
                    seen.add(id(part))


def subject_of_steps(
    replay: Replay, around: Callable[[], AbstractContextManager[object]] = nullcontext
) -> RecordedSubject:
    """Return recorded steps for experiments. Raises NotApplicableError where none stands alone."""
    found = pieces(replay.recording)
    if not found:
        raise NotApplicableError("no loss was recorded")
    if not all(piece.stands_alone for piece in found):
        raise NotApplicableError("the loss of a recorded step needs what an earlier step made")
    return RecordedSubject(replay, found, around)


def _batch(piece: Piece) -> Batch:
    return {PIECE: piece, **{name: given.tensor for name, given in piece.given.items()}}


def _piece(batch: Batch) -> Piece:
    found = batch[PIECE]
    assert isinstance(found, Piece)
    return found


def _is_scaled(events: Sequence[Event]) -> bool:
    return any(isinstance(e, Update) and e.scaler is not None for e in events)
