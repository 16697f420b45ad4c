"""Are gradients cleared between updates? One account for each optimizer.

A gradient is known by its tensor and the number of in-place changes of it, so a look costs no
arithmetic. Values are asked for only where both say that a used gradient is still there. All of what
leads to an update is looked at for the first ones, and then ever more rarely, as layers are.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import get_ident

import torch

from gradcheck_cli.probe.picking import local, plain, unreadable
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite
from gradcheck_cli.targets.optimizers import held_by

PROBED = 8  # parameters of an optimizer whose gradients are looked at
SURE = 8  # times after which values are no longer asked for
_LOOKS = Sampling(first=32)  # the updates that are looked at: several short epochs in a row

Mark = tuple[int, int]  # a gradient: which tensor, changed how often


@dataclass(slots=True)
class Probe:
    """The gradient of one parameter, as it was after the last backward pass or update."""

    parameter: weakref.ref[torch.Tensor]
    mark: Mark | None = None
    used: bool = False  # by an update since it was last cleared
    added: bool = False  # to, by a backward pass, since the last update
    filled: bool = False  # with something else than zeros by then, as far as values were asked for
    filled_as: Mark | None = None  # after the last pass that added to it
    held: Mark | None = None  # the parameter, as it was before the update
    few: torch.Tensor | None = None  # its first values then: `.data` is changed without a mark

    def hold(self) -> None:
        """Keep what the parameter is now."""
        parameter = self.parameter()
        known = parameter is not None and unreadable(parameter) is None
        self.held = mark_of(parameter) if known else None
        self.few = _few(parameter) if known and parameter is not None else None

    @property
    def moved(self) -> bool:
        """Is the parameter another than the one that was kept?"""
        parameter = self.parameter()
        if parameter is None or self.held is None or mark_of(parameter) != self.held:
            return True
        now = _few(parameter)
        return now is None or self.few is None or not torch.equal(self.few, now.to(self.few))

    @property
    def grad(self) -> torch.Tensor | None:
        """The gradient that is there now."""
        parameter = self.parameter()
        return None if parameter is None else parameter.grad


@dataclass(slots=True)
class Account:
    """What happened to the gradients of one optimizer."""

    backwards: int = 0  # that gave its parameters a gradient, before updates that are looked at
    updates: int = 0
    looked: int = 0  # updates that were looked at
    awake: bool = True  # the update that comes will be
    thread: int = field(default_factory=get_ident)  # that made the optimizer, or steps it
    uncleared: int = 0
    thrown: int = 0
    wiped: int = 0
    parted: int = 0  # updates without some of the gradients, and with others
    idle: int = 0
    fed: int = 0  # looks at updates with a new gradient
    unfed: int = 0  # looks at updates in a row, up to the last, without one
    starved: int = 0  # the first of these updates
    just_thrown: bool = False  # as the backward pass that runs began
    updating: bool = False  # its closure may run, and clear gradients that a line search has used
    update_at: SourceSite | None = None
    backward_at: SourceSite | None = None
    built_at: SourceSite | None = None
    _probes: list[Probe] = field(default_factory=list)
    _start: list[torch.Tensor | None] = field(default_factory=list)  # values at the first backward
    # Passes until the last update that is looked at: thrown away, and all.
    _before_update: tuple[int, int] = (0, 0)
    _pending: bool = False  # a gradient that no update has used
    _next_is_looked_at: bool = True  # the update after the one that comes
    _due: int = 0  # the next one that is looked at, after the one that comes
    _holds: bool = False  # what the parameters were before the update that comes

    def choose(self, optimizer: torch.optim.Optimizer) -> None:
        """Choose the parameters to look at: evenly among all that ask for a gradient, and some that got none."""
        held = [p for p in held_by(optimizer) if p.requires_grad]
        stride = max(1, -(-len(held) // PROBED))
        without = [p for p in held if p.grad is None][:PROBED] if self.updates else []
        chosen = [*held[::stride], *without]
        self._probes = [Probe(weakref.ref(p), mark_of(p.grad)) for p in chosen]
        self._start = [_few(p) for p in chosen]
        self._hold()

    @property
    def moved(self) -> bool:
        """Are the parameters no longer what they were when they were chosen, whoever changed them?"""
        for probe, start in zip(self._probes, self._start, strict=True):
            parameter = probe.parameter()
            now = _few(parameter) if parameter is not None else None
            if start is not None and now is not None and not torch.equal(start, now.to(start)):
                return True
        return False

    @property
    def is_idle(self) -> bool:
        """Did no parameter ever have a gradient when the optimizer stepped?"""
        return self.idle == self.looked > 0

    def asked(self) -> None:
        """A gradient scaler was asked for an update, and may skip it on purpose."""
        self._pending = False

    def backward_begins(self) -> None:
        """Look at what is left of the gradients before a pass adds to them."""
        if not self.awake:
            return
        cleared = [self._is_cleared(p) for p in self._probes]
        unused = self._pending and not self.updating
        self.just_thrown = unused and bool(cleared) and all(cleared)
        self.thrown += self.just_thrown
        self._pending = self._pending and not self.just_thrown

    def _is_cleared(self, probe: Probe) -> bool:
        """Is the gradient gone or zero? Then what comes is new."""
        grad = probe.grad
        if grad is None:
            probe.used, probe.mark = False, None
            return True
        if mark_of(grad) != probe.mark:  # zeroed, or changed on purpose
            gone = not has_values(grad)
            probe.used = False
            probe.mark = mark_of(grad) if gone else probe.mark
            return gone
        if probe.used and self.uncleared < SURE and not has_values(grad):
            probe.used = False  # zeroed through `.data`
            return True
        return False

    def backward_ended(self) -> None:
        """Note which gradients the pass has added to."""
        if not self.awake:
            return
        reached = False
        for probe in self._probes:
            mark = mark_of(probe.grad)
            if mark is not None and mark != probe.mark:
                probe.added = reached = True
                probe.filled_as = mark
                if self.updates < SURE and not probe.filled:
                    probe.filled = probe.grad is not None and has_values(probe.grad)
            probe.mark = mark
        if reached:
            self.backwards += 1
            self._pending = True
            if self.backward_at is None:
                self.backward_at = user_site()

    def updated(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer has stepped."""
        self.updates, self.updating = self.updates + 1, False
        if not self.awake and self.updates + 1 < self._due:  # as after most updates
            return
        if self.awake:
            self._before_update = self.thrown, self.backwards
            self._judges(optimizer)
        self.awake = self._next_is_looked_at
        if self.awake:
            # An optimizer that only counts, and moves in every fourth step, has not used what it holds.
            moved = not self._holds or any(p.moved for p in self._probes)
            self._begins_anew(optimizer, moved=moved)
        self._hold()

    def _begins_anew(self, optimizer: torch.optim.Optimizer, *, moved: bool) -> None:
        """Note which gradients the update has used; what comes is looked at."""
        if self.looked & (self.looked - 1) == 0:  # 1, 2, 4, ...: what is frozen may change
            self.choose(optimizer)
        for probe in self._probes:
            grad = probe.grad
            probe.mark, probe.used = mark_of(grad), grad is not None and (moved or probe.used)
            probe.added = probe.filled = False
        self._pending = False

    def _hold(self) -> None:
        """Keep the parameters, where it is asked after the next update whether it moved them."""
        now = self.updates + 1
        self._due = now if 0 < self.unfed < SURE else _LOOKS.following(now)
        self._next_is_looked_at = self._due == now
        self._holds = self._next_is_looked_at and bool(self._probes)
        for probe in self._probes if self._holds else ():
            probe.hold()

    def _judges(self, optimizer: torch.optim.Optimizer) -> None:
        """Tell by which gradients the optimizer has stepped."""
        self.looked += 1
        if self.update_at is None:
            self.update_at = user_site()
        is_fed = any(p.added or mark_of(p.grad) not in {None, p.mark} for p in self._probes)
        self.fed, self.unfed = self.fed + is_fed, 0 if is_fed else self.unfed + 1
        self.starved = self.updates if self.unfed == 1 else self.starved
        wiped = [self._is_wiped(p) for p in self._probes]
        if any(wiped) and any(_is_scaled_to_zero(p.grad) for p in self._probes):
            return
        if self._pending and all(wiped):
            self.wiped += 1
        elif any(gone and p.filled for gone, p in zip(wiped, self._probes, strict=True)):
            self.parted += 1
        elif any(p.used and p.added for p in self._probes):
            self.uncleared += 1
        elif not any(p.grad is not None for p in self._probes) and _has_none(optimizer):
            self.idle += 1

    def _is_wiped(self, probe: Probe) -> bool:
        """Is the gradient of the last pass gone, or zeroed? One that was zero already is not."""
        grad = probe.grad
        if grad is None:
            return True
        changed = probe.filled and mark_of(grad) != probe.filled_as
        return changed and not has_values(grad)

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        moved = {"moved": float(self.moved)} if self.thrown or not self.updates else {}
        at, built, passed = self.update_at, self.built_at or self.update_at, self.backward_at
        yield Habit(kind=Kind.UNCLEARED, times=self.uncleared, of=self.looked, at=at)
        times, of = self._before_update if self.updates else (self.thrown, self.backwards)
        yield Habit(kind=Kind.THROWN, times=times, of=of, at=passed, numbers=moved)
        yield Habit(kind=Kind.WIPED, times=self.wiped, of=self.looked, at=at)
        yield Habit(kind=Kind.PARTED, times=self.parted, of=self.looked, at=passed)
        yield Habit(kind=Kind.IDLE, times=self.idle, of=self.looked, at=built)


def _has_none(optimizer: torch.optim.Optimizer) -> bool:
    return all(p.grad is None for p in held_by(optimizer))


def _few(parameter: torch.Tensor) -> torch.Tensor | None:
    """Return a copy of the first few values, None where there are none to read."""
    if unreadable(parameter) is not None or local(parameter).layout is not torch.strided:
        return None
    return plain(parameter).flatten()[:16].clone()


def mark_of(grad: torch.Tensor | None) -> Mark | None:
    """Return by what a gradient is known; None where there is none."""
    if grad is None:
        return None
    return id(grad), -1 if grad.is_inference() else grad._version  # noqa: SLF001 - no public twin


def _is_scaled_to_zero(grad: torch.Tensor | None) -> bool:
    """Is it zero by a factor of zero, as where an infinite norm is clipped? Then zeros keep the sign, cleared ones do not."""
    if grad is None or unreadable(grad) is not None or grad.layout is not torch.strided:
        return False
    return not grad.is_complex() and bool(grad.signbit().any()) and not grad.any()


def has_values(grad: torch.Tensor) -> bool:
    """Is any element not zero? What cannot be read is taken to be there."""
    if unreadable(grad) is not None:
        return True
    values = grad.coalesce().values() if grad.layout is torch.sparse_coo else grad
    some = values[0] if values.dim() and values.numel() else values  # which is enough, mostly
    return bool(some.any()) or bool(values.any())
