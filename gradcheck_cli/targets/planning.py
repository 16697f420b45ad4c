"""How the loss is computed, found out once per target on a model that is thrown away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from gradcheck_cli.errors import CannotDiagnoseError, UsageError
from gradcheck_cli.targets.assumptions import infer_loss, infer_reconstruction
from gradcheck_cli.targets.calling import Calling, forward_names, loss_in, main_output, takes_target
from gradcheck_cli.targets.losses import Objective, call_model, objective_of
from gradcheck_cli.targets.wording import describe, map_tensors, nan_in


@dataclass(frozen=True, slots=True)
class Plan:
    """What was found out: the objective, whether layers take their size from data, and sentences."""

    objective: Objective
    notes: tuple[str, ...] = ()


def plan_objective(
    loss: Any, name: str, calling: Calling, model: Callable[[], nn.Module], batches: list[Any]
) -> Plan:
    """Recognise the loss that was given, else infer one from a forward pass on the first batch.

    Raises CannotDiagnoseError on NaN in that batch, UsageError where nothing can be inferred and
    UserCodeError where the model raises.
    """
    if where := nan_in(batches[0]):
        raise CannotDiagnoseError(
            f"the data has NaN: {where}; every loss and gradient would be NaN, so clean or impute it"
        )
    if loss is not None:
        return Plan(objective_of(loss, name, calling))
    scratch = model()
    with torch.enable_grad():
        return _infer(scratch, calling, batches)


def _infer(model: nn.Module, calling: Calling, batches: list[Any]) -> Plan:
    batch = batches[0]
    by_name = isinstance(batch, Mapping) and forward_names(model)[1]  # forward(**batch)
    if by_name or takes_target(model):
        owning = Calling(owns_loss=True, input_key=calling.input_key, target_key=calling.target_key)
        output = call_model(model, owning.arrange(model, batch))
        if loss_in(output) is not None:
            note = "loss: the one that the model computes itself, because it returns one"
            return Plan(Objective(name="the model's own loss", calling=owning), (note,))
    arranged = calling.arrange(model, batch)
    output = call_model(model, arranged)
    if loss_in(output) is not None:
        note = "loss: the one that the model computes itself, because it returns one"
        return Plan(Objective(name="the model's own loss", calling=calling), (note,))
    tensor = main_output(output)
    if tensor is None:
        raise UsageError(
            f"no loss was given and the model returns {describe(output)}, in which there is no "
            "tensor to compare; say which loss to use: --loss file.py:loss_fn"
        )
    tensor = tensor.detach()
    if arranged.target is None:
        inferred = infer_reconstruction(tensor, arranged.inputs)
        inputs = Objective(
            name=inferred.name,
            calling=Calling(owns_loss=calling.owns_loss, input_key=calling.input_key, itself=True),
            criterion=inferred.criterion,
            unwrap=True,
        )
        return Plan(inputs, (inferred.sentence,))
    inferred = infer_loss(tensor, arranged.target)
    objective = Objective(
        name=inferred.name, calling=calling, criterion=inferred.criterion, unwrap=True
    )
    return Plan(objective, (inferred.sentence,))


def materialise(model: nn.Module, objective: Objective, batch: Any, device: torch.device) -> None:
    """Let lazy layers take their sizes from a batch, so that the optimizer gets real parameters."""
    if not any(is_lazy(entry) for entry in model.parameters()):
        return
    moved = map_tensors(batch, lambda tensor: tensor.to(device))
    with torch.no_grad():
        objective.compute(model, moved)
