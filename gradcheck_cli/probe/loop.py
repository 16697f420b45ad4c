"""The witness of the loop: what it does around the steps, whoever wrote it.

Parts that each look at one thing are told of every backward pass and every update; here they are
called, and what they counted is collected for a training.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock, get_ident
from typing import Any, Self
from weakref import WeakKeyDictionary

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from gradcheck_cli.probe.alive import Alive
from gradcheck_cli.probe.checkpoints import CheckpointWatch
from gradcheck_cli.probe.clearing import Account
from gradcheck_cli.probe.copies import Copies
from gradcheck_cli.probe.facts import DataWatch
from gradcheck_cli.probe.gradient_hooks import GradientHooks
from gradcheck_cli.probe.latecomers import Latecomers, Outlived, Twins
from gradcheck_cli.probe.listening import sweep
from gradcheck_cli.probe.modes import ModeWatch
from gradcheck_cli.probe.newborn import Newborn
from gradcheck_cli.probe.one_batch import OneBatch
from gradcheck_cli.probe.patches import (
    OnBackward,
    backwards_seen,
    built,
    scaled_updates_seen,
)
from gradcheck_cli.probe.picking import is_lazy
from gradcheck_cli.probe.plateaus import Plateaus
from gradcheck_cli.probe.remade import Remade
from gradcheck_cli.probe.rewrapping import RewrapWatch
from gradcheck_cli.probe.scaling import ScalingWatch
from gradcheck_cli.probe.schedules import SCHEDULERS, Rates
from gradcheck_cli.probe.seeds import Seeds
from gradcheck_cli.probe.shield import shielded
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.probe.threads import WatchedThread
from gradcheck_cli.probe.unloaded import Unloaded
from gradcheck_cli.records.loop import Habit, Kind, LoopFacts
from gradcheck_cli.targets.optimizers import ids_held_by


@dataclass(slots=True)
class LoopWatch:
    """Watches all loops of the process while it is entered; nothing stays behind."""

    accounts: WeakKeyDictionary[Optimizer, Account] = field(default_factory=WeakKeyDictionary)
    rates: WeakKeyDictionary[Optimizer, Rates] = field(default_factory=WeakKeyDictionary)
    scaling: ScalingWatch = field(default_factory=ScalingWatch)
    rewrapping: RewrapWatch = field(default_factory=RewrapWatch)
    modes: ModeWatch = field(default_factory=ModeWatch)
    latecomers: Latecomers = field(default_factory=Latecomers)
    twins: Twins = field(default_factory=Twins)
    outlived: Outlived = field(default_factory=Outlived)
    alive: Alive = field(default_factory=Alive)
    hooks: GradientHooks = field(default_factory=GradientHooks)
    one_batch: OneBatch = field(default_factory=OneBatch)
    unloaded: Unloaded = field(default_factory=Unloaded)
    plateaus: Plateaus = field(default_factory=Plateaus)
    remade: Remade = field(init=False)
    copies: Copies = field(init=False)
    newborn: Newborn = field(init=False)
    seeds: Seeds = field(init=False)
    models: Sequence[torch.nn.Module] = ()  # whose hooks were there before
    checkpoints: CheckpointWatch = field(init=False)
    _awake: list[Account] = field(default_factory=list)  # that look at the backward pass that runs
    _all_asleep: bool = False  # no account looks at the pass that comes
    _asked: bool = False  # a scaler was asked for an update
    is_passing: bool = False  # a backward pass began that has not ended, or raised
    thread: WatchedThread = field(default_factory=WatchedThread)
    on_begin: OnBackward = lambda *_: None
    on_end: Callable[[], None] = lambda: None  # of a backward pass
    _exit: ExitStack = field(default_factory=ExitStack)
    _adding: Lock = field(default_factory=Lock)  # any thread makes optimizers

    def __post_init__(self) -> None:
        self.checkpoints = CheckpointWatch(self.modes)
        self.plateaus.updates_of = self.updates_of
        elsewhere = self._is_elsewhere
        self.copies = Copies(self.updates_of, self.alive, elsewhere)
        self.remade, self.newborn = Remade(elsewhere), Newborn(elsewhere)
        self.seeds = Seeds(elsewhere)

    def on(self, models: Sequence[torch.nn.Module]) -> Self:
        """Look also at the hooks that these models have already."""
        self.models = models
        return self

    def __enter__(self) -> Self:
        self._exit.callback(register_optimizer_step_pre_hook(shielded(self._updates)).remove)
        self._exit.callback(register_optimizer_step_post_hook(shielded(self._updated)).remove)
        self._exit.enter_context(backwards_seen(self._begins, self._ends))
        self._exit.enter_context(built(self._built, Optimizer))
        self._exit.enter_context(scaled_updates_seen(self._asks))
        self._exit.enter_context(built(self._scheduled, *SCHEDULERS))
        self._exit.enter_context(self.checkpoints.watching())
        self.hooks.watch(self.models, self._exit)
        self.scaling.watch(self._exit)
        self.modes.watch(self._exit)
        self.one_batch.watch(self._exit)
        self.unloaded.watch(self._exit)
        self.plateaus.watch(self._exit)
        self.copies.watch(self._exit)
        self.remade.watch(self._exit)
        self.newborn.watch(self._exit)
        self.seeds.watch(self._exit)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()
        sweep()

    def account(self, optimizer: Optimizer) -> Account:
        """Return the account of an optimizer; a new one when it was not met before."""
        known = self.accounts.get(optimizer)
        if known is None:
            known = Account()
            with self._adding:
                self.accounts[optimizer] = known
            known.choose(optimizer)
            self._all_asleep = False
        return known

    def updates_of(self, optimizer: Optimizer) -> int:
        """Return how many updates it has made."""
        return self.account(optimizer).updates

    def facts(self, optimizers: Iterable[Optimizer], more: Iterable[Habit] = ()) -> LoopFacts:
        """Return what was seen of the loop around these optimizers, and more that others saw."""
        known = self._used([o for o in optimizers if o in self.accounts])
        seen = [self.accounts[o] for o in known]
        return LoopFacts(
            backwards=max((a.backwards for a in seen), default=0),
            updates=max((a.updates for a in seen), default=0),
            others=sum(a.updates > 0 for _, a in self._accounts())
            - sum(a.updates > 0 for a in seen),
            backward_at=next((a.backward_at for a in seen if a.backward_at), None),
            habits=(*self._habits(known), *more),
        )

    def _used(self, optimizers: Sequence[Optimizer]) -> list[Optimizer]:
        """Leave out those that never stepped and all of whose parameters others train: they were replaced."""
        stepped = [o for o in optimizers if self.accounts[o].updates]
        held = ids_held_by(*stepped)
        return [o for o in optimizers if o in stepped or not ids_held_by(o) <= held]

    def of_models(
        self, optimizers: Sequence[Optimizer], models: Mapping[str, torch.nn.Module]
    ) -> Iterator[Habit]:
        """Say what the models' hooks do, and which parameters came too late for these optimizers."""
        yield from self.hooks.habits(models)
        yield from self.unloaded.habits(models)
        yield from self.remade.habits(optimizers, dict(self._accounts()))
        yield from self.newborn.habits()
        held = ids_held_by(*self._known())
        made = {o: a.built_at for o in optimizers if (a := self.accounts.get(o))}
        at = next(iter(made.values()), None)
        yield from self.latecomers.habits(models, optimizers, held, at)
        yield from self.twins.habits(made)
        yield from self.outlived.habits((o, self.accounts[o]) for o in made)

    def of_batches(
        self, own: Iterable[Optimizer], updates: int, data: DataWatch
    ) -> Iterator[Habit]:
        """Say what repeats in what the steps drew, and which samples changed since."""
        yield from self.one_batch.few_drawn()
        yield from self.one_batch.rescaled.habits()
        yield from data.rescaled.habits()
        marks, rows = data.marks, data.batch_size or 0
        if marks and rows:
            yield from self.one_batch.habits(own, marks, updates, rows)
        yield from self.seeds.habits(updates, marks, rows)

    def _habits(self, optimizers: Sequence[Optimizer]) -> Iterator[Habit]:
        for optimizer in optimizers:
            yield from (h for h in self.accounts[optimizer].habits() if h.times or h.numbers)
            if optimizer in self.rates:
                yield from self.rates[optimizer].habits()
            if any(g.get("maximize") for g in optimizer.param_groups):
                yield Habit(kind=Kind.ASCENDS, times=1, at=self.accounts[optimizer].built_at)
        yield from self.scaling.habits()
        yield from self.rewrapping.habits()
        yield from self.checkpoints.habits()
        stepped = [o for o, account in self._accounts() if account.updates]
        yield from self.modes.habits(optimizers, stepped)

    def _accounts(self) -> list[tuple[Optimizer, Account]]:
        with self._adding:
            return list(self.accounts.items())

    def _known(self) -> list[Optimizer]:
        return [o for o, _ in self._accounts()]

    def _is_elsewhere(self) -> bool:
        return self.thread.is_other

    def _may_read(self, account: Account) -> bool:
        return self.thread.may_read(account.thread)

    # ---- events ---------------------------------------------------------------------------

    def _built(self, optimizer: Optimizer) -> None:
        account = self.account(optimizer)
        account.built_at = user_site()
        if not self.thread.is_other:
            self.remade.built(optimizer, account)
            self.copies.built(optimizer)
        self.latecomers.built(optimizer, self.alive)

    def _begins(self, roots: tuple[torch.Tensor, ...], losses: list[torch.Tensor]) -> None:
        self.thread.passes()
        if self.thread.is_other:
            return
        self.is_passing = True
        self.scaling.steps.begins(roots)
        self.remade.passes()
        if self.rewrapping.looks and self.accounts:
            self.rewrapping.begins(roots, self._held)
        if not self._all_asleep:  # as they are before most passes
            awake = [a for _, a in self._accounts() if a.awake]
            self._all_asleep = not awake
            self._awake = [a for a in awake if self._may_read(a)]
            for account in self._awake:
                account.backward_begins()
        self.on_begin(roots, losses)

    def _held(self) -> set[int]:
        """Return the identities of single numbers that optimizers train; most train none."""
        groups = (g for o, _ in self._accounts() for g in o.param_groups)
        return {id(p) for g in groups for p in g["params"] if not is_lazy(p) and p.numel() == 1}

    def _ends(self) -> None:
        if self.thread.is_other:
            return
        self.is_passing = False
        self.newborn.passed()
        if self.scaling.steps.passing:
            self.scaling.steps.ended(o for o, a in self._accounts() if self._may_read(a))
        for account in filter(self._may_read, self._awake):
            account.backward_ended()
        self.on_end()

    def _updates(self, optimizer: Optimizer, *_: Any) -> None:
        if not self.thread.is_other and (known := self.accounts.get(optimizer)) is not None:
            known.updating = True

    def _updated(self, optimizer: Optimizer, *_: Any) -> None:
        account = self.account(optimizer)
        account.thread = get_ident()
        if self.thread.is_other:
            return
        if account.awake and len(self.accounts) > 1 and self.thread.is_alone:
            self.twins.look(optimizer, self._known(), self.alive)
        looked = account.looked
        account.updated(optimizer)
        if account.unfed and account.looked > looked and self.thread.is_alone:
            self.outlived.look(optimizer, self._known(), self.alive)
        self.scaling.steps.updated(optimizer)
        if account.awake:
            self._all_asleep = False
        self.modes.updates += 1
        self.one_batch.updated(optimizer)
        self.unloaded.over = True
        self.copies.updated(optimizer)
        self.newborn.updated(optimizer, self._known)
        self.seeds.updated()
        rates = self.rates.get(optimizer)
        if rates is None:
            rates = self.rates[optimizer] = Rates()
        rates.updated(optimizer, asked=self._asked)

    def _asks(self, optimizer: Optimizer) -> None:
        self._asked = True
        self.scaling.steps.asked(optimizer)
        self.account(optimizer).asked()

    def _scheduled(self, scheduler: LRScheduler) -> None:
        if isinstance(scheduler.optimizer, Optimizer):
            self.rates.setdefault(scheduler.optimizer, Rates()).scheduled(scheduler)
