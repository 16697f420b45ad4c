"""One training that is watched from outside: where its steps begin and end.

A step begins with the first forward pass that keeps a graph, or with an optimizer that is given a
closure, and ends when all its optimizers have stepped. What runs without a graph in between is an
evaluation, and is looked away from.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice

import torch
from torch import nn

from gradcheck_cli.probe.anatomy import SiteOf
from gradcheck_cli.probe.history import History, whole_loss
from gradcheck_cli.probe.loop import LoopWatch
from gradcheck_cli.probe.modes import differing
from gradcheck_cli.probe.recorder import Recorder
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.probe.shield import Shield
from gradcheck_cli.probe.subjects import Group
from gradcheck_cli.probe.waiting import Ended, Waiting
from gradcheck_cli.records.loop import Habit, Kind, LoopFacts
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.targets.models import unwrapped
from gradcheck_cli.targets.optimizers import held_by, ids_held_by

_PROBED = 8  # gradients looked at to see whether all were zeroed
_OBSERVED = 128  # steps whose readings are kept of a run that nobody bounds


class NothingFollowedError(Exception):
    """Closes a step that did not end in an update."""


@dataclass(slots=True)
class Session:
    """Drives a `Recorder` by what the user's own loop does."""

    group: Group
    names: tuple[str, ...]
    sampling: Sampling
    site_of: SiteOf
    subject: str | None = None
    precision: str = "float32"
    loop: LoopWatch = field(default_factory=LoopWatch)
    shield: Shield = field(default_factory=Shield)
    recorder: Recorder = field(init=False)
    waiting: Waiting = field(init=False)
    modules: set[int] = field(init=False)
    steps: int = 0
    evaluations: int = 0  # forward passes without a graph
    losses: list[torch.Tensor] = field(default_factory=list)  # of the step that runs
    backward_seen: bool = False  # in the step that runs
    unused: int = 0  # backward passes whose gradients were thrown away, in a loop without updates
    _moded: list[nn.Module] = field(init=False)  # the models, without wrappers that pass modes on
    _open: AbstractContextManager[None] | None = None
    _depth: int = 0
    _paused: bool = False
    _eval_forwards: int = 0
    _in_training_mode: bool = False  # the steps so far began in it
    _was_in_training_mode: bool = False  # at an update
    _in_eval_mode: int = 0  # updates in a row, up to the last
    _due: int = 0  # the next step that is observed by its number alone
    _stepped: set[int] = field(default_factory=set)
    _replaced: set[int] = field(default_factory=set)  # optimizers of what a later one took over

    def __post_init__(self) -> None:
        models = self.group.models
        self.recorder = Recorder(
            list(models), list(self.group.optimizers), self.site_of, self.names, alone=False
        )
        self.recorder.steps = History(_OBSERVED)
        self.waiting = Waiting(self.recorder)
        self.modules = {id(m) for model in models for m in model.modules()}
        self._moded = [unwrapped(model) for model in models]
        first = next((p for model in models for p in model.parameters()), None)
        if first is not None:
            self.precision = str(first.dtype).removeprefix("torch.")

    @property
    def wanted(self) -> bool:
        """Is the step that comes, or runs, to be observed?"""
        return self.steps == self._due or self.waiting.alarm.ringing

    @property
    def is_open(self) -> bool:
        """Is a step being observed?"""
        return self._open is not None

    @property
    def alarmed(self) -> bool:
        """Has the loss just jumped, or stopped being a number?"""
        return self.waiting.alarm.ringing

    @property
    def was_read(self) -> bool:
        """Was the step that ended last observed?"""
        steps = self.recorder.steps
        return not self.waiting and bool(steps) and bool(steps[-1].readings)

    def holds(self, tensors: Sequence[torch.Tensor]) -> bool:
        """Are all of these among its parameters?"""
        held = {id(p) for model in self.group.models for p in model.parameters()}
        return all(id(t) in held for t in tensors)

    def adopt(self, optimizer: torch.optim.Optimizer) -> bool:
        """Take in an optimizer that was made later for the same models; False when it is foreign."""
        held = {id(p) for model in self.group.models for p in model.parameters()}
        if not ids_held_by(optimizer) & held:
            return False
        own, kept = ids_held_by(optimizer), self.recorder.optimizers
        kept = [o for o in kept if id(o) not in self._replaced]  # were replaced once more: are gone
        self._replaced = {id(o) for o in kept if ids_held_by(o) <= own}
        self.recorder.optimizers = [*kept, optimizer]
        return True

    # ---- what the user's loop does --------------------------------------------------------

    def enters(self, module: nn.Module) -> None:
        """A module of these models is called."""
        self._depth += 1
        if self.steps < 2 and self._open is not None:
            self._note_precision()
        if self._depth > 1:
            return
        evaluates = not torch.is_grad_enabled() or self._forgot_no_grad(module)
        self.loop.seeds.runs(trains=not evaluates)
        if evaluates:
            self._evaluates(module)
            return
        if self._eval_forwards and module.training and not self.backward_seen:
            self.abandon()
        if self._stepped:
            self.close()
        self.begin()
        self._eval_forwards += not module.training
        self._in_training_mode |= module.training

    def leaves(self) -> None:
        """The call has ended."""
        self._depth = max(self._depth - 1, 0)
        if self._depth == 0:
            self.loop.seeds.ran()
            if self._paused:
                self._paused = False
                self.recorder.resume()

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimizer is about to step; with a closure the forward pass is still to come."""
        if id(optimizer) in self._stepped:
            self.close()
        if self._open is None and self.wanted:
            self._in_training_mode &= not self.backward_seen  # after one, it trains in eval mode
            self._begin()

    def after_update(self, optimizer: torch.optim.Optimizer) -> bool:
        """The optimizer has stepped. Has the step ended?"""
        if isinstance(optimizer, torch.optim.LBFGS):
            del self.losses[1:]  # each call of its closure is the whole loss again
        self._stepped.add(id(optimizer))
        self.unused = 0
        self._in_eval_mode += 1
        if any(model.training for model in self._moded):
            self._was_in_training_mode, self._in_eval_mode = True, 0
        self._replaced.discard(id(optimizer))
        if not {id(o) for o in self.recorder.optimizers} <= self._stepped | self._replaced:
            return False
        self.close()
        if not self.group.called:  # no call will tell when the next one begins
            self.begin()
        return True

    @property
    def zeroed(self) -> bool:
        """Were gradients computed and thrown away, as when a scaler finds them infinite?"""
        if not self.backward_seen or self._stepped:
            return False
        held = held_by(*self.recorder.optimizers)
        return all(p.grad is None for p in islice(held, _PROBED))

    @property
    def never_updates(self) -> bool:
        """Does a backward pass begin after one whose gradients no update ever used?"""
        if not self.backward_seen:
            return False
        accounts = [self.loop.account(o) for o in self.recorder.optimizers]
        return any(a.just_thrown for a in accounts) and not any(a.updates for a in accounts)

    # ---- one step -------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a step unless one runs or none is wanted."""
        if self._open is None and self.wanted:
            self._begin()

    def _begin(self) -> None:
        self.waiting.write()
        # By hand, a step ends amid a backward pass, where no function mode may be taken away.
        inspect = not self.group.by_hand and self.sampling.inspects(self.steps)
        self._open = self.recorder.step(inspect=inspect)
        self._open.__enter__()

    def close(self, *, skipped: bool = False, read: bool = True) -> None:
        """The step has ended: in an update, or `skipped` because its gradients were thrown away.

        Without `read` only its loss is kept: it ended amid an update.
        """
        loss, observed = whole_loss(self.losses), self._open is not None
        self.steps += 1
        self._due = self._due if self.steps <= self._due else self.sampling.following(self.steps)
        if isinstance(loss, float) and not (observed or skipped or self.waiting.is_behind):
            self.waiting.passes(loss, self._rate())
        else:
            self.waiting.ends(Ended(loss, self._rate(), skipped))
            self._look_away(keep=read)
            if observed or not isinstance(loss, torch.Tensor):
                self.waiting.write()
        self._reset()

    def close_each(self, losses: Sequence[torch.Tensor]) -> None:
        """Close a step for each of these losses, none of which was followed by an update."""
        for loss in losses:
            self.losses.append(loss)
            self.close(skipped=True)

    def abandon(self) -> None:
        """The step that runs did not end in an update: forget it."""
        self._look_away(keep=False)
        self._reset()

    def _look_away(self, *, keep: bool) -> None:
        """End the observation of the step that runs, if it is observed."""
        if self._open is None:
            return
        error = None if keep else NothingFollowedError()
        self._open.__exit__(None if keep else NothingFollowedError, error, None)
        self._open = None
        if not keep:
            self.recorder.forget()

    def trace(self) -> Trace:
        """Return what was measured so far."""
        self.shield.spared(self.waiting.write)
        return replace(self.recorder.trace(self.precision), loop=self._loop())

    def _loop(self) -> LoopFacts | None:
        """Return what was seen of the loop; nothing where we failed in it, or before its first update."""
        asked = self.recorder.optimizers
        seen = self.shield.spared(lambda: self.loop.facts(asked, self._habits()))
        return None if self.shield.over and seen is not None and not seen.updates else seen

    # ---- details --------------------------------------------------------------------------

    def _habits(self) -> Iterator[Habit]:
        yield from self.recorder.loss_habits.habits()
        yield from self.recorder.anew.habits()
        own, data = self.recorder.optimizers, self.recorder.data
        yield from self.loop.of_models(own, dict(zip(self.names, self.group.models, strict=False)))
        cut = self.sampling.last is not None and self.steps >= self.sampling.last
        if not (cut or self.shield.over):  # it came to its end
            yield from self.loop.copies.habits(own)
        yield from self.loop.plateaus.habits(own, self.recorder.steps)
        yield from self.loop.of_batches(own, self.steps, data)
        if self._was_in_training_mode and self._in_eval_mode:
            names, times = differing(self.group.models), self._in_eval_mode
            at = next((a.update_at for o in own if (a := self.loop.accounts.get(o))), None)
            yield Habit(kind=Kind.EVAL_MODE, times=times, of=self.steps, at=at, names=names)

    def _forgot_no_grad(self, module: nn.Module) -> bool:
        """Is it an evaluation that keeps a graph? Only a model that is not always in eval mode tells."""
        return self._in_training_mode and not module.training and len(self.group.models) == 1

    def _evaluates(self, module: nn.Module) -> None:
        """Look away from a forward pass without a graph, unless it is a part of the training."""
        self.evaluations += 1
        if self._open is not None and (not module.training or len(self.group.models) == 1):
            self._paused = True
            self.recorder.pause()

    def _note_precision(self) -> None:
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                self.precision = str(torch.get_autocast_dtype(device)).removeprefix("torch.")

    def _reset(self) -> None:
        self.losses.clear()
        self._stepped.clear()
        self.backward_seen = False
        self._eval_forwards = 0

    def _rate(self) -> float | None:
        all_of_them = self.recorder.optimizers
        for optimizer in [o for o in all_of_them if id(o) in self._stepped] or all_of_them:
            for group in optimizer.param_groups:
                if "lr" in group:
                    return float(group["lr"])
        return None
