"""The recorder under torch's global hooks: for a training loop that we did not write.

What belongs together is found out at the first forward pass. Forked children are left alone, and so
is what another thread trains: torch's hooks are of the whole process, and are registered once, because
a thread that runs through them does not bear a change.
"""

import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from gradcheck_cli.probe import ending
from gradcheck_cli.probe.anatomy import SiteOf
from gradcheck_cli.probe.by_hand import HandWatch, leaves_of
from gradcheck_cli.probe.homes import Seen, home_of
from gradcheck_cli.probe.hooking import in_backward
from gradcheck_cli.probe.loop import LoopWatch
from gradcheck_cli.probe.patches import built, compiles_seen, gradients_taken
from gradcheck_cli.probe.sampling import Sampling
from gradcheck_cli.probe.session import Session
from gradcheck_cli.probe.shield import Shield, attempt, shielded, up
from gradcheck_cli.probe.stance import Arming, Stance
from gradcheck_cli.probe.subjects import Group, group_of, names_of
from gradcheck_cli.probe.threads import WatchedThread
from gradcheck_cli.targets.models import is_compiled

_PATIENCE = 200  # updates after which optimizers without models are given up
OnStep = Callable[[Session], None]


@dataclass(slots=True, weakref_slot=True)
class Everywhere:
    """Watches whatever trains while it is entered. With `fixed`, only those models and optimizers."""

    sampling: Sampling = field(default_factory=Sampling)
    site_of: SiteOf = lambda _: None
    on_step: OnStep = lambda _: None
    fixed: Group | None = None
    spares: bool = False  # an error of ours ends the measuring, and not the training
    sessions: list[Session] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    loop: LoopWatch = field(default_factory=LoopWatch)
    stance: Stance = field(default_factory=Stance)
    thread: WatchedThread = field(default_factory=WatchedThread)
    is_cut: bool = False  # by a signal: what its last step holds is no reading of a step
    _optimizers: list[Optimizer] = field(default_factory=list)  # without a session
    updating: list[Optimizer] = field(default_factory=list)
    hand: HandWatch = field(init=False)
    pending: list[torch.Tensor] = field(default_factory=list)
    _shared: tuple[Session | None, list[torch.Tensor]] = (None, [])  # what the last update took
    _foreign: set[int] = field(default_factory=set)  # optimizers of no session so far
    shield: Shield = field(default_factory=Shield)
    _lower: ExitStack = field(default_factory=ExitStack)
    _depth: int = 0
    asleep: bool = False
    calls: Arming = field(init=False)
    _exit: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.calls = Arming(shielded(self._enters), shielded(self._leaves), self.sessions)
        self.hand = HandWatch(self._begin_to_watch, self._after_update, self._backward)
        self.loop.thread, self.loop.on_begin = self.thread, self._begins
        self.loop.copies.blind = lambda: self.stance.used

    def __enter__(self) -> Self:
        if self.spares:
            self.shield = self._lower.enter_context(up())
        shielded(self._begin)()
        return self

    def _begin(self) -> None:
        add, enter, me = self._exit.callback, self._exit.enter_context, weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: ending.sleep(me()))
        add(register_optimizer_step_pre_hook(shielded(self._before_update)).remove)
        add(self.calls.disarm)
        add(self.stance.close)
        enter(compiles_seen(self.stance.compiles))
        enter(self.loop.on(self.fixed.models if self.fixed else ()))
        add(
            register_optimizer_step_post_hook(shielded(self._after_update)).remove
        )  # after the loop's
        add(register_optimizer_step_post_hook(lambda *_: ending.retire(self)).remove)
        if self.fixed is None:
            enter(self.loop.alive.followed())
            enter(built(self._optimizers.append, Optimizer))
            enter(gradients_taken(self._taken))
            self.loop.on_end = self.hand.backward_ended
        else:
            self._open_session(self.fixed, ("",) if len(self.fixed.models) == 1 else None)
            self.stance.may_know(self.fixed.models[0])
        self.calls.arm()
        self.stance.looks(True)

    def __exit__(self, *_: object) -> None:
        if not self.asleep:
            shielded(ending.finish)(self)
        ending.retire(self)
        attempt(self._exit.close)
        self._lower.close()

    @property
    def strangers(self) -> tuple[Optimizer, ...]:
        """Optimizers that stepped and whose models were not found."""
        return tuple(o for o in self._optimizers if id(o) in self._foreign)

    def _settle(self) -> None:
        """Look at modules only while a step that is wanted runs, or something is still unknown."""
        wanted = bool(self.thread.others)  # it is unsafe to change hooks through which another runs
        if self.fixed is None:  # some optimizers never get models: they are not waited for for ever
            expects = bool(self._optimizers) and self.seen.updates < _PATIENCE
            wanted = wanted or not self.sessions or expects
        wanted = wanted or any(s.wanted for s in self.sessions)
        if wanted is not self.calls.armed:
            self._depth = 0
            (self.calls.arm if wanted else self.calls.disarm)()
            self.stance.looks(wanted)

    def _enters(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        if self._is_elsewhere():
            return None
        self._depth += 1
        known = [s for s in self.sessions if id(module) in s.modules]
        _overhear(self.sessions, self._depth)
        if not known and self._depth == 1 and self.fixed is None and torch.is_grad_enabled():
            return self._discover(module, args)
        if known:
            self.hand.look()
        for session in known:
            if len(self.sessions) == 1 and not self.updating and session.zeroed:
                session.losses.extend(self.pending)
                self.pending.clear()
                session.close(skipped=True)
            if len(self.sessions) == 1 and session.unused:
                session.close_each(self.pending[: session.unused])
                del self.pending[: session.unused]
                session.unused = 0
                self.on_step(session)
            session.enters(module)
        return None

    def _leaves(self, module: nn.Module, *_: Any) -> None:
        if self._is_elsewhere():
            return
        self._depth = max(self._depth - 1, 0)
        for session in self.sessions:
            if id(module) in session.modules:
                session.leaves()

    def _backward(self, loss: torch.Tensor) -> None:
        if self.asleep:
            return
        self.seen.backwards += 1
        for session in self.sessions:
            session.unused += not self.updating and session.never_updates
            session.backward_seen = True
        self.pending.append(loss)

    @property
    def is_by_hand(self) -> bool:
        """May updates be made by hand? Not where an optimizer was made or stepped."""
        known = self.sessions in ([], [self.hand.session])
        return known and not self.asleep and not self._optimizers

    def _begins(self, roots: Sequence[torch.Tensor], losses: Sequence[torch.Tensor]) -> None:
        if self.fixed is None and self.is_by_hand and len(roots) == 1:
            self.hand.backward_begins(lambda: leaves_of(roots[0]))
        if len(self.sessions) == 1:  # of several it is not known whose loss it is
            self.sessions[0].recorder.passes(roots)
        for loss in losses:
            self._backward(loss)

    def _taken(self, loss: torch.Tensor, leaves: Sequence[torch.Tensor], grads: Any) -> None:
        """Gradients were computed without a backward pass; what is no parameter is not trained."""
        if self.thread.is_other:
            return
        if self.is_by_hand and leaves:
            self.hand.taken(loss, leaves, grads)
        elif any(s.holds(leaves) for s in self.sessions):
            self._backward(loss)

    def _before_update(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self.asleep:
            return
        if not self.thread.takes(optimizer, lambda: not any(s.is_open for s in self.sessions)):
            return
        self.updating.append(optimizer)
        if (session := self._session_of(optimizer)) is not None:
            session.before_update(optimizer)
            session.recorder.before_update(optimizer, args, kwargs)
        elif self.fixed is None and not any(o is optimizer for o in self._optimizers):
            self._optimizers.append(optimizer)

    def _after_update(self, optimizer: Optimizer, *called: Any) -> None:
        told = called and optimizer not in self.updating  # by the base's step
        if told or self.asleep or self.thread.is_other:
            return
        self.seen.updates += 1
        self.updating = [o for o in self.updating if o is not optimizer]
        if (session := self._session_of(optimizer)) is not None:
            session.recorder.after_update(optimizer)
        self._hand_losses(session)
        ended = session is not None and session.after_update(optimizer)
        if session is None and self.fixed is None:
            home = home_of(optimizer, self.loop.account(optimizer), self.seen.called)
            session = self._begin_to_watch(home) if home is not None else None
        self.stance.ended(session.steps if session is not None and ended else 0)
        self._settle()
        if session is not None and ended:
            self.on_step(session)

    def _is_elsewhere(self) -> bool:
        """Is this a recomputation, another thread or a forked process?"""
        return self.asleep or in_backward() or self.thread.is_another

    def _hand_losses(self, session: Session | None) -> None:
        """The losses since the last update belong to this one, or to the one before as well."""
        if self.pending:
            self._shared = (session, list(self.pending))
            self.pending.clear()
        elif session is None or session.losses or self._shared[0] is session:
            return
        if session is not None:
            session.losses.extend(self._shared[1])

    def _session_of(self, optimizer: Optimizer) -> Session | None:
        for session in self.sessions:
            if optimizer in session.recorder.optimizers:
                return session
        if self.fixed is not None or id(optimizer) in self._foreign:
            return None
        for session in self.sessions:
            if session.adopt(optimizer):
                self._optimizers = [o for o in self._optimizers if o is not optimizer]
                return session
        self._foreign.add(id(optimizer))
        return None

    def _discover(self, module: nn.Module, args: tuple[Any, ...]) -> Any:
        """Begin to watch the training that this call is a part of, if there is one."""
        taken = [o for s in self.sessions for o in s.recorder.optimizers]
        group = group_of(module, self._optimizers, taken, self.loop.alive)
        if group is None:
            self.seen.called.add(module)
            return None
        session = self._begin_to_watch(group)
        if id(module) not in session.modules:
            return None
        session.enters(module)
        for optimizer in self.updating:
            session.recorder.joins_update(optimizer)
        return session.recorder.joins_call(module, args)

    def _begin_to_watch(self, group: Group) -> Session:
        """Open a session in the middle of what goes on."""
        self._optimizers = [o for o in self._optimizers if o not in group.optimizers]
        self._foreign.difference_update(map(id, group.optimizers))
        session = self._open_session(group, None)
        self.calls.arm()
        return session

    def _open_session(self, group: Group, names: Sequence[str] | None) -> Session:
        several = bool(self.sessions or self._optimizers or len(group.models) > 1)
        found = tuple(names or names_of(group.models, (n for s in self.sessions for n in s.names)))
        session = Session(
            group,
            found if several else ("",),
            replace(self.sampling, sparing=any(map(is_compiled, group.models))),
            self.site_of,
            subject=", ".join(found) if self.sessions or self._optimizers else None,
            loop=self.loop,
            shield=self.shield,
        )
        session.recorder.__enter__()
        self._exit.callback(session.recorder.__exit__)
        self.sessions.append(session)
        return session


def _overhear(sessions: Sequence[Session], depth: int) -> None:
    """A module is called, `depth` deep: listen from here on where the next step will be inspected."""
    if depth == 1 and not torch.is_grad_enabled():
        for session in sessions:
            if session.sampling.inspects(session.steps):
                session.recorder.begin_prelude()
