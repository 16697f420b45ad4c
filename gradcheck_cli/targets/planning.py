"""How the loss is computed and what optimizes: found out once per target, on a model thrown away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from gradcheck_cli.errors import UsageError, UserCodeError
from gradcheck_cli.targets.assumptions import infer_loss, infer_reconstruction
from gradcheck_cli.targets.calling import (
    Calling,
    forward_names,
    loss_in,
    main_output,
    takes_target,
)
from gradcheck_cli.targets.hooks import Manual
from gradcheck_cli.targets.huggingface import predicts_next_token
from gradcheck_cli.targets.ingredients import Ingredients
from gradcheck_cli.targets.lightning_modules import (
    NOTE,
    configure_optimizers,
    is_lightning,
    manual_hook,
    training_step,
)
from gradcheck_cli.targets.loop import eager
from gradcheck_cli.targets.losses import Objective, call_model, objective_of
from gradcheck_cli.targets.models import is_waiting
from gradcheck_cli.targets.optimizers import DEFAULT, DEFAULT_LR, MakeOptimizer, named_optimizer
from gradcheck_cli.targets.options import Options
from gradcheck_cli.targets.wording import describe, moved

OWN = "the model's own loss"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found out, with a sentence for everything that was not given."""

    objective: Objective
    manual: Manual | None = None
    make_optimizer: MakeOptimizer | None = None  # None: the optimizer comes with the model
    notes: tuple[str, ...] = ()


def make_plan(
    parts: Ingredients,
    options: Options,
    make: Callable[[], nn.Module],
    first: Callable[[], Any],
) -> Plan:
    """Find out what was not given, on a model of its own (`make`) and the first batch.

    Raises UsageError where nothing can be inferred and UserCodeError where the model raises. NaN in
    the data is no reason to stop: it is what the diagnosis will say.
    """
    calling = Calling(input_key=options.input_key, target_key=options.target_key)
    if parts.manual is not None:
        plan = Plan(_stands_for(parts.manual, calling), parts.manual)
    elif parts.loss is not None:
        plan = Plan(objective_of(parts.loss, parts.loss_name, calling))
    else:
        plan = None
    model = None if plan and (parts.optimizer_comes or parts.make_optimizer) else make()
    if plan is None:
        assert model is not None
        plan = _plan_loss(calling, model, first)
    make_optimizer, note = _plan_optimizer(parts, options, model)
    return replace(plan, make_optimizer=make_optimizer, notes=(*plan.notes, *note))


def _plan_loss(calling: Calling, model: nn.Module, first: Callable[[], Any]) -> Plan:
    if is_lightning(model):
        if not getattr(model, "automatic_optimization", True):
            manual = manual_hook()
            return Plan(_stands_for(manual, calling), manual, notes=(NOTE,))
        objective = Objective(name="training_step", calling=calling, whole=training_step)
        return Plan(objective, notes=(NOTE,))
    with torch.enable_grad(), eager():
        return _infer(model, calling, first())


def _stands_for(manual: Manual, calling: Calling) -> Objective:
    """A name for reports; a hook that does everything itself has no loss function of its own."""
    return Objective(name=manual.name, calling=calling)


def _plan_optimizer(
    parts: Ingredients, options: Options, model: nn.Module | None
) -> tuple[MakeOptimizer | None, tuple[str, ...]]:
    if parts.optimizer_comes:
        return None, ()
    if parts.make_optimizer is not None:
        if options.lr is None and parts.optimizer_name.isidentifier():
            return parts.make_optimizer, (
                f"learning rate: the default of {parts.optimizer_name}, because none was given",
            )
        return parts.make_optimizer, ()
    if model is not None and is_lightning(model):
        return configure_optimizers, ()
    rate = options.lr or DEFAULT_LR
    note = f"optimizer {DEFAULT} with learning rate {rate:g}, because none was given"
    return named_optimizer(DEFAULT, rate), (note,)


def _infer(model: nn.Module, calling: Calling, batch: Any) -> Plan:
    notes: tuple[str, ...] = ()
    if predicts_next_token(model):
        labeled = isinstance(batch, Mapping) and "labels" in batch
        calling = replace(calling, next_token=not labeled)
        notes = () if labeled else ("labels: the tokens themselves, because the batch has none",)
    by_name = isinstance(batch, Mapping) and forward_names(model)[1]  # forward(**batch)
    if by_name or takes_target(model):
        owning = replace(calling, owns_loss=True)
        if _returns_loss(model, owning, batch):
            return _own(owning, notes)
    arranged = calling.arrange(model, batch)
    output = call_model(model, arranged)
    if loss_in(output) is not None:
        return _own(calling, notes)
    tensor = main_output(output)
    if tensor is None:
        raise UsageError(
            f"no loss was given and the model returns {describe(output)}, in which there is no "
            "tensor to compare; say which loss to use: --loss file.py:loss_fn"
        )
    tensor = tensor.detach()
    if arranged.target is None:
        inferred = infer_reconstruction(tensor, arranged.inputs)
        calling = replace(calling, itself=True)
    else:
        inferred = infer_loss(tensor, arranged.target)
    objective = Objective(
        name=inferred.name, calling=calling, criterion=inferred.criterion, unwrap=True
    )
    return Plan(objective, notes=(inferred.sentence,))


def _returns_loss(model: nn.Module, owning: Calling, batch: Any) -> bool:
    """Does the model compute its loss when it is given the target too?

    An argument called `y` may be something else: where that raises, the model is called without.
    """
    try:
        output = call_model(model, owning.arrange(model, batch))
    except (UserCodeError, UsageError):
        if _can_do_without(model, replace(owning, owns_loss=False), batch):
            return False
        raise
    return loss_in(output) is not None


def _can_do_without(model: nn.Module, calling: Calling, batch: Any) -> bool:
    try:
        call_model(model, calling.arrange(model, batch))
    except (UserCodeError, UsageError):
        return False
    return True


def _own(calling: Calling, notes: tuple[str, ...]) -> Plan:
    note = "loss: the one that the model computes itself, because it returns one"
    return Plan(Objective(name=OWN, calling=calling), notes=(note, *notes))


def materialize(model: nn.Module, objective: Objective, batch: Any, device: torch.device) -> None:
    """Let lazy layers take their sizes from a batch, so that the optimizer gets real parameters."""
    if is_waiting(model):
        with torch.no_grad():
            objective.compute(model, moved(batch, device))
