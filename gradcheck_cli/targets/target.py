"""A description of a training that can be built again and again, each time as the same run."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.batches import Source
from gradcheck_cli.targets.calling import Calling
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.ingredients import (
    Ingredients,
    MadeModel,
    ModelMaker,
    from_objects,
    from_texts,
)
from gradcheck_cli.targets.loop import Loop
from gradcheck_cli.targets.losses import Objective
from gradcheck_cli.targets.optimizers import (
    MakeOptimizer,
    follow_model,
    optimizers_in,
    trainable,
)
from gradcheck_cli.targets.planning import Plan, materialise, plan_objective
from gradcheck_cli.targets.randomness import seed_everything, unchanged
from gradcheck_cli.targets.sources import SiteBook
from gradcheck_cli.targets.training import Training

BATCHES_TO_JUDGE = 1
AFTER_INIT = 0x5EED  # chance in training (dropout) does not depend on how much the init used
HELD_OUT = 0x0E1D


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to train: `build()` makes it anew, with the same seed, the same batches, the same chance."""

    model: ModelMaker
    data: Source
    loss: Any = None
    loss_name: str = ""
    make_optimizer: MakeOptimizer | None = None  # None: the optimizer comes with the model
    optimizer_name: str = ""
    lr: float | None = None
    seed: int = 0
    device: torch.device
    precision: str = "fp32"
    calling: Calling = field(default_factory=Calling)
    notes: tuple[str, ...] = ()
    sites: SiteBook = field(default_factory=SiteBook)
    labels: dict[str, str] = field(default_factory=dict)  # model, data as they were named

    @classmethod
    def from_strings(
        cls,
        model: str,
        data: str | None = None,
        loss: str | None = None,
        optimizer: str | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        device: str = "auto",
        precision: str = "fp32",
    ) -> Self:
        """Load what the texts name: `file.py:name`, `pkg.mod:name`, `file.py:build(depth=30)`.

        Raises UsageError where something does not exist or fit, UserCodeError where their code raises.
        """
        sites = SiteBook()
        seed_everything(seed)
        with sites.recording():
            found = from_texts(model, data, loss, optimizer, lr=lr, batch_size=batch_size)
        return cls._of(found, sites, lr, seed, device, precision)

    @classmethod
    def of(
        cls,
        *,
        model: Any,
        data: Any,
        loss: Any = None,
        optimizer: Any = None,
        lr: float | None = None,
        batch_size: int | None = None,
        seed: int = 0,
        device: str = "auto",
        precision: str = "fp32",
    ) -> Self:
        """Take Python objects: a module, its class or a factory; data or a function that returns it.

        Raises as `from_strings` does.
        """
        sites = SiteBook()
        seed_everything(seed)
        with sites.recording():
            found = from_objects(model, data, loss, optimizer, lr=lr, batch_size=batch_size)
        return cls._of(found, sites, lr, seed, device, precision)

    @classmethod
    def _of(
        cls,
        found: Ingredients,
        sites: SiteBook,
        lr: float | None,
        seed: int,
        device: str,
        precision: str,
    ) -> Self:
        chosen = choose_device(device)
        notes = list(found.notes)
        if device == "auto" and chosen.type != "cpu":
            notes.append(f"device {chosen}, because there is one")
        return cls(
            model=found.model,
            data=found.data,
            loss=found.loss,
            loss_name=found.loss_name,
            make_optimizer=found.make_optimizer,
            optimizer_name=found.optimizer_name,
            lr=lr,
            seed=seed,
            device=chosen,
            precision=precision,
            notes=tuple(notes),
            sites=sites,
            labels=found.labels,
        )

    @cached_property
    def plan(self) -> Plan:
        """How the loss is computed; found out on a model of its own, leaving chance as it was."""

        def scratch() -> nn.Module:
            seed_everything(self.seed)
            return self.model.make().model.to(self.device)

        with unchanged():
            first = self.data.first(self.seed, BATCHES_TO_JUDGE)
            moved = [_moved(batch, self.device) for batch in first]
            return plan_objective(self.loss, self.loss_name, self.calling, scratch, moved)

    def build(
        self,
        changes: Sequence[Change] = (),
        *,
        seed: int | None = None,
        hold_out: bool = False,
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
            made = self._changed_model(objective, changes, seed)
        trainable(made.model)
        optimizers = self._optimizers(made, changes)
        batches, held_out = self._rows(seed, hold_out)
        seed_everything(seed ^ AFTER_INIT)
        loop = Loop(
            model=made.model,
            optimizers=optimizers,
            objective=objective,
            batches=batches,
            held_out=held_out,
            device=self.device,
            seed=seed,
            precision=_last(changes, "precision") or self.precision,
            warm_up=_last(changes, "warm_up"),
            clip=_last(changes, "clip"),
        )
        return self._training(loop, plan)

    def _training(self, loop: Loop, plan: Plan) -> Training:
        extra: dict[str, Any] = {} if loop.scaler is None else {"scaler": loop.scaler}
        return Training(
            model=loop.model,
            optimizers=loop.optimizers,
            step=loop.step,
            evaluate=loop.evaluate,
            device=self.device,
            precision=loop.precision,
            assumptions=(*self.notes, *self.data.assumptions, *plan.notes),
            loss_name=plan.objective.name,
            optimizer_name=", ".join(type(entry).__name__ for entry in loop.optimizers),
            site_of=self.sites.site_of,
            extra=extra,
        )

    def _changed_model(
        self, objective: Objective, changes: Sequence[Change], seed: int
    ) -> MadeModel:
        made = self.model.make()
        model = made.model.to(self.device)
        if self.model.lazy(model):
            with unchanged():
                first = self.data.first(seed, 1)[0]
            materialise(model, objective, first, self.device)
        before = {id(entry) for entry in model.parameters()}
        for change in changes:
            if change.model is not None:
                model = change.model(model) or model
        model = model.to(self.device)
        for optimizer in made.optimizers:
            follow_model(optimizer, before, model)
        return MadeModel(model, made.optimizers)

    def _optimizers(self, made: MadeModel, changes: Sequence[Change]) -> tuple[Optimizer, ...]:
        optimizers = made.optimizers
        if self.make_optimizer is not None:
            optimizers = optimizers_in(self.make_optimizer(made.model), self.optimizer_name)
        for optimizer in optimizers:
            if self.lr is not None:
                for group in optimizer.param_groups:
                    group["lr"] = self.lr
            for change in changes:
                if change.optimizer is not None:
                    change.optimizer(optimizer)
        return optimizers

    def _rows(self, seed: int, hold_out: bool) -> tuple[Iterator[Any], Callable[[], Iterator[Any]]]:
        training, unseen = self.data, self.data
        if hold_out and self.data.divide is not None:
            parts = self.data.divide(torch.Generator().manual_seed(self.seed))
            if parts is not None:
                training, unseen = parts
        return training.endless(seed), lambda: unseen.endless(self.seed ^ HELD_OUT)

    def _on_device(self, objective: Objective) -> Objective:
        if not isinstance(objective.criterion, nn.Module):
            return objective
        return replace(objective, criterion=copy.deepcopy(objective.criterion).to(self.device))


def choose_device(name: str) -> torch.device:
    """Return the device of this name; `auto` is an accelerator where there is one. Raises UsageError."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}; use auto, cpu, cuda or mps") from None
    missing = (device.type == "cuda" and not torch.cuda.is_available()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise UsageError(f"device {name} is not available here; use auto or cpu")
    return device


def _changed_objective(objective: Objective, changes: Sequence[Change]) -> Objective:
    for change in changes:
        if change.loss is not None:
            objective = objective.wrapped(change.loss)
        if change.inputs is not None:
            objective = objective.with_inputs(change.inputs)
    return objective


def _last(changes: Sequence[Change], name: str) -> Any:
    given = [value for change in changes if (value := getattr(change, name)) is not None]
    return given[-1] if given else None


def _moved(batch: Any, device: torch.device) -> Any:
    from gradcheck_cli.targets.wording import map_tensors

    return map_tensors(batch, lambda tensor: tensor.to(device))
