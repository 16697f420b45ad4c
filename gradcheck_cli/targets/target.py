"""A description of a training that can be built again and again, each time as the same run."""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import Any, Self

import torch
from torch import nn

from gradcheck_cli.errors import THEIRS, UserCodeError
from gradcheck_cli.targets.batches import narrowed
from gradcheck_cli.targets.change import Change, LoopChange, last
from gradcheck_cli.targets.devices import choose_device
from gradcheck_cli.targets.ingredients import Ingredients, from_objects, from_texts
from gradcheck_cli.targets.lightning_modules import detach_from_trainer, is_lightning
from gradcheck_cli.targets.loop import Loop
from gradcheck_cli.targets.losses import Objective
from gradcheck_cli.targets.models import COMPILED, MadeModel, is_compiled, is_waiting, uncompiled
from gradcheck_cli.targets.optimizers import Optimized, follow_model, learning, optimized, trainable
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.planning import Plan, make_plan, materialize
from gradcheck_cli.targets.randomness import seed_everything, unchanged
from gradcheck_cli.targets.sources import SiteBook
from gradcheck_cli.targets.training import Training
from gradcheck_cli.targets.wording import moved

AFTER_INIT = 0x5EED  # chance in training (dropout) does not depend on how much the init used
HELD_OUT = 0x0E1D


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to train: `build()` makes it anew, with the same seed, the same batches, the same chance."""

    parts: Ingredients
    options: Options
    device: torch.device
    notes: tuple[str, ...] = ()
    sites: SiteBook = field(default_factory=SiteBook)
    varies = True  # other seeds draw other weights and other batches
    maker = "built"
    said: tuple[str, ...] = ()  # of how fixes were tried

    @classmethod
    def from_strings(
        cls,
        model: str,
        data: str | None = None,
        loss: str | None = None,
        optimizer: str | None = None,
        **options: Any,
    ) -> Self:
        """Load what the texts name: `file.py:name`, `pkg.mod:name`, `file.py:build(depth=30)`.

        `options` are those of `Options`: lr, batch_size, seed, device, ... Raises UsageError where
        something does not exist or fit, UserCodeError where their code raises.
        """
        chosen = Options(**options)
        return cls._made(lambda: from_texts(model, data, loss, optimizer, chosen), chosen)

    @classmethod
    def of(
        cls,
        *,
        model: Any,
        data: Any = None,
        loss: Any = None,
        optimizer: Any = None,
        **options: Any,
    ) -> Self:
        """Take Python objects: a module, its class or a factory; data or a function that returns it.

        Raises as `from_strings` does.
        """
        chosen = Options(**options)
        return cls._made(lambda: from_objects(model, data, loss, optimizer, chosen), chosen)

    @classmethod
    def _made(cls, recognize: Callable[[], Ingredients], options: Options) -> Self:
        device = choose_device(options.device)
        if options.strategy is not None:
            device = strategies().device_of_rank(device)
        sites = SiteBook()
        seed_everything(options.seed)
        with sites.recording():
            parts = recognize()
        notes = parts.notes
        if options.device == "auto" and device.type != "cpu":
            notes = (*notes, f"device {device}, because there is one")
        return cls(parts=parts, options=options, device=device, notes=notes, sites=sites)

    @property
    def alone(self) -> Self:
        """The same training in this process only: the whole of every batch, the model as it is."""
        return replace(self, options=replace(self.options, strategy=None))

    def on(self, samples: int | None) -> Self:
        """The same training on that many samples of every batch; on whole batches where None."""
        return replace(self, options=replace(self.options, most_samples=samples))

    def together(self) -> AbstractContextManager[None]:
        """Join the other ranks for as long as it is open, where a strategy was asked for."""
        alone = self.options.strategy is None
        return nullcontext() if alone else strategies().group(self.device)

    def borrowed(self, _: Callable[[str], None]) -> AbstractContextManager[str]:
        """Nothing of the user's is borrowed: every arm is built anew."""
        return nullcontext("")

    @property
    def labels(self) -> dict[str, str]:
        """How model, data, loss and optimizer were named."""
        return self.parts.labels

    @property
    def seed(self) -> int:
        """The seed of a build that names none."""
        return self.options.seed

    @cached_property
    def plan(self) -> Plan:
        """How the loss is computed; found out on a model of its own, leaving chance as it was."""

        def scratch() -> nn.Module:
            seed_everything(self.seed)
            return self._made_model()[0].model

        def first() -> Any:
            return moved(self.parts.data.first(self.seed, 1)[0], self.device)

        with unchanged():
            return make_plan(self.parts, self.options, scratch, first)

    def build(
        self, changes: Sequence[Change] = (), *, seed: int | None = None, hold_out: bool = False
    ) -> Training:
        """Make the training, with these changes. Equal arguments give bit-identical runs.

        `hold_out` keeps a part of the data for `evaluate`. Raises UserCodeError where the user's
        code raises and CannotDiagnoseError where there is nothing to train.
        """
        seed = self.seed if seed is None else seed
        plan = self.plan
        objective = _changed_objective(self._on_device(plan.objective), changes)
        seed_everything(seed)
        with self.sites.recording():
            made, notes = self._changed_model(objective, changes, seed)
        trainable(made.model)
        made = self._spread(made)
        batches, held_out = self._rows(seed, hold_out)
        loop = Loop(
            model=made.model,
            optimized=self._optimized(made, plan, changes),
            objective=objective,
            manual=plan.manual,
            batches=batches,
            held_out=held_out,
            device=self.device,
            seed=seed,
            precision=last(changes, "precision") or self.options.precision,
            accumulate=self.options.accumulate,
            warm_up=last(changes, "warm_up"),
            clip=last(changes, "clip") or self.options.clip_norm,
            mended=last(changes, "loop") or LoopChange(),
        )
        chance = seed ^ AFTER_INIT
        if self.options.strategy is not None:
            notes = [*notes, *self._join(loop, objective)]
            chance += int(os.environ["RANK"])  # dropout differs between ranks, as in a script
        seed_everything(chance)
        return self._training(loop, plan, notes)

    def _spread(self, made: MadeModel) -> MadeModel:
        """Shard the parameters before an optimizer takes them, where that was asked for."""
        if self.options.strategy != "fsdp":
            return made
        names = {id(p): name for name, p in made.model.named_parameters()}
        model = strategies().sharded(made.model, self.device)
        if made.optimizer is not None:
            strategies().follow_shards(made.optimizer, names, model)
        return MadeModel(model, made.optimizer)

    def _join(self, loop: Loop, objective: Objective) -> list[str]:
        """Let the loop train with the other ranks; return what to say of it."""
        kind, joint = self.options.strategy, strategies()
        assert kind is not None
        manual = loop.manual is not None
        joint.refuse(kind, loop.optimizers, manual=manual, precision=loop.precision)
        loop.parallel = joint.Parallel(kind, loop.model, objective)
        loop.batches = joint.shares(loop.batches)
        return list(joint.notes(kind, loop.model))

    def _training(self, loop: Loop, plan: Plan, notes: Sequence[str]) -> Training:
        extra: dict[str, Any] = {} if loop.scaler is None else {"scaler": loop.scaler}
        return Training(
            model=loop.model,
            optimizers=loop.optimizers,
            step=loop.step,
            evaluate=loop.evaluate,
            device=self.device,
            precision=loop.precision,
            objective=None if loop.manual is not None else loop.objective,
            clip=loop.clip,
            assumptions=(*self.notes, *notes, *self.parts.data.assumptions, *plan.notes),
            loss_name=plan.objective.name,
            optimizer_name=", ".join(type(entry).__name__ for entry in loop.optimizers),
            site_of=self.sites.site_of,
            extra=extra,
        )

    def _made_model(self) -> tuple[MadeModel, list[str]]:
        made = self.parts.model()
        notes = [COMPILED] if is_compiled(made.model) else []
        model = uncompiled(made.model)
        if is_lightning(model):
            detach_from_trainer(model)
        if self.parts.weights is not None:
            notes += self.parts.weights.load_into(model)
        return MadeModel(model.to(self.device), made.optimizer), notes

    def _changed_model(
        self, objective: Objective, changes: Sequence[Change], seed: int
    ) -> tuple[MadeModel, list[str]]:
        made, notes = self._made_model()
        model = made.model
        if is_waiting(model):
            with unchanged():
                [first] = self.parts.data.first(seed, 1)
            materialize(model, objective, first, self.device)
        before = learning(model, () if made.optimizer is None else (made.optimizer,))
        for change in changes:
            if change.model is not None:
                model = change.model(model) or model
        model = model.to(self.device)
        if made.optimizer is not None:
            follow_model(made.optimizer, before, model)
        return MadeModel(model, made.optimizer), notes

    def _optimized(self, made: MadeModel, plan: Plan, changes: Sequence[Change]) -> Optimized:
        if plan.make_optimizer is not None:
            name = self.parts.optimizer_name or "configure_optimizers"
            result = optimized(plan.make_optimizer(made.model), name)
        else:
            assert made.optimizer is not None
            result = Optimized((made.optimizer,))
        if self.options.lr is not None:
            result.set_rate(self.options.lr)
        for change in changes:
            if change.optimizer is not None:
                for optimizer in result.optimizers:
                    change.optimizer(optimizer)
        if self.parts.scheduler is not None:
            schedulers = tuple(
                _scheduled(self.parts.scheduler, optimizer) for optimizer in result.optimizers
            )
            result.schedulers = (*result.schedulers, *schedulers)
        return result

    def _rows(self, seed: int, hold_out: bool) -> tuple[Iterator[Any], Callable[[], Iterator[Any]]]:
        training = unseen = self.parts.data
        if hold_out and training.divide is not None:
            divided = training.divide(torch.Generator().manual_seed(self.seed))
            if divided is not None:
                training, unseen = divided
        most = self.options.most_samples
        away = self.seed ^ HELD_OUT
        return narrowed(training.endless(seed), most), lambda: narrowed(unseen.endless(away), most)

    def _on_device(self, objective: Objective) -> Objective:
        if not isinstance(objective.criterion, nn.Module):
            return objective
        return replace(objective, criterion=copy.deepcopy(objective.criterion).to(self.device))


def strategies() -> ModuleType:
    """Return what trains on several ranks; torch.distributed is slow to import and rarely needed."""
    from gradcheck_cli.targets import strategies as joint

    return joint


def _changed_objective(objective: Objective, changes: Sequence[Change]) -> Objective:
    for change in changes:
        if change.loss is not None:
            objective = objective.wrapped(change.loss)
        if change.inputs is not None:
            objective = objective.with_inputs(change.inputs)
    return objective


def _scheduled(make: Callable[[Any], Any], optimizer: torch.optim.Optimizer) -> Any:
    try:
        return make(optimizer)
    except THEIRS as cause:
        raise UserCodeError("building the scheduler", cause) from cause
