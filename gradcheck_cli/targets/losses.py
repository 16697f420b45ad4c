"""The loss as a function of model and batch, whichever way it was given."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.errors import THEIRS, CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.calling import TARGET_NAMES, Arranged, Calling, loss_in, main_output
from gradcheck_cli.targets.hooks import forward_error, losses_in
from gradcheck_cli.targets.importing import nearest
from gradcheck_cli.targets.wording import describe, map_tensors

Criterion = Callable[[Any, Any], Any]
MODEL_NAMES = {"model", "net", "network", "module"}


@dataclass(frozen=True, slots=True)
class Computed:
    """One forward pass: the scalar to go backward from, and what it was computed from."""

    loss: Tensor
    output: Any = None
    target: Any = None
    parts: tuple[Tensor, ...] = ()  # several losses, perhaps one for each optimizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """From model and batch to a loss. Exactly one of the three ways:

    `criterion(output, target)`, `whole(model, batch)`, or neither: the model computes it itself.
    """

    name: str
    calling: Calling
    criterion: Criterion | None = None
    whole: Callable[[Any, Any], Any] | None = None
    unwrap: bool = False  # torch's own losses get the main tensor of the output, not all of it
    inputs: Callable[[Tensor], Tensor] | None = None

    def compute(self, model: nn.Module, batch: Any) -> Computed:
        """Run the model and its loss. Raises UserCodeError, CannotDiagnoseError or UsageError."""
        if self.whole is not None:
            return self._from_whole(self.whole, model, batch)
        arranged = self.arranged(model, batch)
        output = call_model(model, arranged)
        if self.criterion is None:
            loss: Any = loss_in(output)
            if loss is None:
                raise CannotDiagnoseError(f"the model returned no loss but {describe(output)}")
        else:
            given = output if not self.unwrap or (main := main_output(output)) is None else main
            loss = self._judge(self.criterion, given, arranged.target)
        return Computed(checked_scalar(loss, self.name), output, arranged.target)

    def arranged(self, model: nn.Module, batch: Any) -> Arranged:
        """Take the batch apart, with the change to the inputs applied."""
        arranged = self.calling.arrange(model, batch)
        if self.inputs is None:
            return arranged
        change, target = on_floats(self.inputs), arranged.target

        def changed(entry: Any) -> Any:
            is_target = entry is target and not self.calling.itself
            return entry if is_target else map_tensors(entry, change)

        args = tuple(changed(entry) for entry in arranged.args)
        kwargs = {key: changed(entry) for key, entry in arranged.kwargs.items()}
        result = replace(arranged, args=args, kwargs=kwargs)
        return replace(result, target=result.inputs[0]) if self.calling.itself else result

    def wrapped(self, wrap: Callable[[Criterion], Criterion]) -> "Objective":
        """Return the objective with its loss function changed. Raises UsageError where it has none."""
        if self.criterion is None:
            raise UsageError(
                f"{self.name} is computed as a whole: its last part cannot be exchanged"
            )
        return replace(self, criterion=wrap(self.criterion))

    def with_inputs(self, change: Callable[[Tensor], Tensor]) -> "Objective":
        """Return the objective with the floating-point inputs of each batch changed."""
        earlier = self.inputs
        if earlier is None:
            return replace(self, inputs=change)
        return replace(self, inputs=lambda tensor: change(earlier(tensor)))

    def _judge(self, criterion: Criterion, output: Any, target: Any) -> Any:
        try:
            return criterion(output, target)
        except THEIRS as cause:
            hint = f"the output is {describe(output)}, the target {describe(target)}"
            raise UserCodeError(f"loss {self.name}", cause, hint) from cause

    def _from_whole(
        self, whole: Callable[[Any, Any], Any], model: nn.Module, batch: Any
    ) -> Computed:
        if self.inputs is not None:
            batch = _with_inputs(batch, on_floats(self.inputs))
        try:
            loss = whole(model, batch)
        except THEIRS as cause:
            hint = f"the batch is {describe(batch)}"
            raise forward_error(model, cause, hint, otherwise=f"loss {self.name}") from cause
        target = batch[-1] if isinstance(batch, tuple | list) and len(batch) > 1 else None
        parts = losses_in(loss) if isinstance(loss, tuple | list | Mapping) else ()
        if len(parts) > 1 and loss_in(loss) is None:
            total = torch.stack(parts).sum() if isinstance(loss, Mapping) else parts[0]
            return Computed(total, None, target, parts)  # (loss, accuracy): the first is the loss
        return Computed(checked_scalar(loss, self.name), None, target)


def call_model(model: nn.Module, arranged: Arranged) -> Any:
    """Run forward. Raises UserCodeError that names the innermost layer that raised."""
    try:
        return model(*arranged.args, **arranged.kwargs)
    except THEIRS as cause:
        inputs = arranged.kwargs or arranged.args
        hint = f"the model was given {describe(inputs)}"
        raise forward_error(model, cause, hint, otherwise="forward of the model") from cause


def checked_scalar(loss: Any, name: str) -> Tensor:
    """Return the loss if one can go backward from it. Raises CannotDiagnoseError where not."""
    if not isinstance(loss, Tensor):
        found = loss_in(loss)
        if found is None:
            raise CannotDiagnoseError(
                f"the loss {name} is no tensor but {describe(loss)}; return a scalar tensor (no .item())"
            )
        loss = found
    if loss.numel() != 1:
        raise CannotDiagnoseError(
            f"the loss {name} is not a scalar but {describe(loss)}; take its mean: reduction='mean' or .mean()"
        )
    scalar: Tensor = loss.reshape(())
    return scalar


def on_floats(change: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Limit a change to floating-point tensors: token numbers and masks stay."""
    return lambda tensor: change(tensor) if tensor.is_floating_point() else tensor


def _with_inputs(batch: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(batch, tuple | list) and len(batch) > 1:
        *inputs, target = batch
        return (*(map_tensors(entry, change) for entry in inputs), target)
    if isinstance(batch, Mapping):
        return {
            key: entry if key in TARGET_NAMES else map_tensors(entry, change)
            for key, entry in batch.items()
        }
    return map_tensors(batch, change)


def objective_of(loss: Any, name: str, calling: Calling) -> Objective:
    """Recognize a loss. Raises UsageError on what is none."""
    if isinstance(loss, str):
        loss, name = named_loss(loss), loss
    if inspect.isclass(loss) and issubclass(loss, nn.Module):
        loss = loss()
    if isinstance(loss, nn.Module):
        unwrap = type(loss).__module__.startswith("torch.")
        name = type(loss).__name__
        return Objective(name=name, calling=calling, criterion=loss, unwrap=unwrap)
    if not callable(loss):
        raise UsageError(
            f"the loss {name} is {type(loss).__name__}; a loss is loss_fn(output, target), "
            "loss_fn(model, batch), an nn.Module, or a name such as cross_entropy"
        )
    if takes_model(loss):
        return Objective(name=name, calling=calling, whole=loss)
    unwrap = (getattr(loss, "__module__", None) or "").startswith("torch.")
    return Objective(name=name, calling=calling, criterion=loss, unwrap=unwrap)


def takes_model(function: Callable[..., Any]) -> bool:
    """Is the first argument the model, by its name or annotation?"""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    if not parameters:
        return False
    annotation = parameters[0].annotation
    by_type = inspect.isclass(annotation) and issubclass(annotation, nn.Module)
    return parameters[0].name in MODEL_NAMES or by_type


def named_loss(name: str) -> Criterion:
    """Return torch's loss of this name: a function or a class. Raises UsageError."""
    functional = getattr(nn.functional, name, None)
    if callable(functional):
        return functional  # type: ignore[no-any-return]
    kind = getattr(nn, name, None)
    if inspect.isclass(kind) and issubclass(kind, nn.Module):
        return kind()
    known = [entry for entry in dir(nn) if entry.endswith("Loss")]
    known += [
        entry for entry in dir(nn.functional) if entry.endswith(("_loss", "_entropy", "_logits"))
    ]
    near = nearest(name, known)
    raise UsageError(
        f"no loss {name!r} in torch.nn or torch.nn.functional"
        + (f"; did you mean {near}?" if near else "; for your own write file.py:name")
    )
