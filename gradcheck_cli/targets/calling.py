"""How a batch is handed to a model: which part is input, which is target, and by which names."""

import ast
import inspect
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_cli.errors import UsageError
from gradcheck_cli.targets.wording import describe

WHOLE = (["batch"], ["data"], ["sample"])  # forward may take the batch as it is
IGNORED = -100  # torch's ignore_index
TARGET_NAMES = ("labels", "label", "targets", "target", "y", "ys")


@dataclass(frozen=True, slots=True)
class Arranged:
    """The arguments of one forward call, and what its output is to be compared with."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    target: Any = None

    @property
    def inputs(self) -> tuple[Any, ...]:
        """All inputs, whether given by position or by name."""
        return (*self.args, *self.kwargs.values())


@dataclass(frozen=True, slots=True)
class Calling:
    """The way batches are taken apart.

    `owns_loss`: the target goes into the model too. `itself`: the input is the target.
    `next_token`: where there are no labels, the tokens are their own.
    """

    owns_loss: bool = False
    itself: bool = False
    next_token: bool = False
    input_key: str | None = None
    target_key: str | None = None

    def arrange(self, model: nn.Module, batch: Any) -> Arranged:
        """Take a batch apart for `model`. Raises UsageError where that cannot be done."""
        if self.next_token:
            batch = _with_labels(batch)
        arranged = self._arrange(model, batch)
        return replace(arranged, target=arranged.inputs[0]) if self.itself else arranged

    def _arrange(self, model: nn.Module, batch: Any) -> Arranged:
        if isinstance(batch, Mapping):
            return self._from_mapping(model, batch)
        if isinstance(batch, tuple | list):
            return self._from_sequence(model, tuple(batch))
        if is_dataclass(batch) and not isinstance(batch, type):
            named = {field.name: getattr(batch, field.name) for field in fields(batch)}
            return self._from_mapping(model, named)
        return Arranged((batch,))

    def _from_sequence(self, model: nn.Module, batch: tuple[Any, ...]) -> Arranged:
        if len(batch) == 1:
            return _spread(model, batch, None)
        *inputs, target = batch
        if _takes_apart(model):
            return Arranged((batch,), target=target)
        arranged = _spread(model, batch if self.owns_loss else tuple(inputs), target)
        if not arranged.kwargs and not fits(model, len(arranged.args)):
            raise UsageError(
                f"a batch is {describe(batch)}, of which the last part is the target, but "
                f"{type(model).__name__}.forward takes ({', '.join(forward_names(model)[0])}); let the "
                "data give (*inputs, target), or give --loss with loss_fn(model, batch)"
            )
        return arranged

    def _from_mapping(self, model: nn.Module, batch: Mapping[str, Any]) -> Arranged:
        target_key = self.target_key or next((key for key in TARGET_NAMES if key in batch), None)
        for key in (self.input_key, self.target_key):
            if key is not None and key not in batch:
                raise UsageError(
                    f"the batch has no key {key!r}; it has {', '.join(map(str, batch))}"
                )
        target = batch[target_key] if target_key else None
        if self.input_key:
            return Arranged((batch[self.input_key],), target=target)
        names, takes_any = forward_names(model)
        if names in WHOLE:
            return Arranged((batch,), target=target)
        if takes_any and (self.owns_loss or not target_key):
            return Arranged(kwargs=dict(batch), target=target)
        kwargs = {
            key: value
            for key, value in batch.items()
            if (key in names or takes_any) and (self.owns_loss or key != target_key)
        }
        others = [key for key in batch if key != target_key]
        if not any(key in kwargs for key in others):
            if len(others) == 1:  # one input under a name of its own
                return Arranged((batch[others[0]],), target=target)
            raise UsageError(
                f"no key of the batch {describe(dict(batch))} is an argument of "
                f"{type(model).__name__}.forward({', '.join(names)}); say which with --input-key"
            )
        return Arranged(kwargs=kwargs, target=target)


def _with_labels(batch: Any) -> Any:
    """Let the tokens of a causal language model be their own labels; padding is left out."""
    if isinstance(batch, tuple | list) and len(batch) == 1:
        [batch] = batch
    if isinstance(batch, Tensor):
        batch = {"input_ids": batch}
    if not isinstance(batch, Mapping) or "labels" in batch or "input_ids" not in batch:
        return batch
    labels = batch["input_ids"]
    if (mask := batch.get("attention_mask")) is not None:
        labels = labels.masked_fill(mask == 0, IGNORED)
    return {**batch, "labels": labels}


def _spread(model: nn.Module, inputs: tuple[Any, ...], target: Any) -> Arranged:
    """Hand over nested inputs, ((a, b), y) or ({...}, y), the way forward takes them."""
    if len(inputs) == 1:
        [only] = inputs
        if isinstance(only, Mapping):
            names, takes_any = forward_names(model)
            if takes_any or set(only) <= set(names):
                return Arranged(kwargs=dict(only), target=target)
        if isinstance(only, tuple | list) and not fits(model, 1) and fits(model, len(only)):
            return Arranged(tuple(only), target=target)
    return Arranged(inputs, target=target)


def _takes_apart(model: nn.Module) -> bool:
    """Does forward take one batch, (x, y), and itself pick the parts: `x, y = batch`, `batch[0]`?

    An argument that is only called `batch` is the input, as any other name would be.
    """
    names, _ = forward_names(model)
    if names not in WHOLE:
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type(model).forward)))
    except (OSError, TypeError, SyntaxError):  # no source: TorchScript, a notebook's lost cell
        return False
    return any(_picks(node, names[0]) for node in ast.walk(tree))


def _picks(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Assign(targets=[ast.Tuple() | ast.List()], value=ast.Name(id=of)):
            return of == name
        case ast.Subscript(value=ast.Name(id=of), slice=ast.Constant()):
            return of == name
        case ast.Starred(value=ast.Name(id=of)):
            return of == name
    return False


def forward_names(model: nn.Module) -> tuple[list[str], bool]:
    """Return the names of forward's arguments, and whether it takes any name."""
    parameters = _signature(model).parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    usual = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    return [parameter.name for parameter in parameters if parameter.kind in usual], takes_any


def by_name(names: Sequence[str], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments by name; those that forward does not name are held by its `kwargs`."""
    return {
        name if name in names or not names else f"kwargs.{name}": x for name, x in kwargs.items()
    }


def fits(model: nn.Module, number: int) -> bool:
    """Can forward be called with so many positional arguments?"""
    try:
        _signature(model).bind(*[None] * number)
    except TypeError:
        return False
    return True


def _signature(model: nn.Module) -> inspect.Signature:
    """Return the arguments of forward; those of TorchScript stand in its schema."""
    forward: Any = model.forward
    try:
        return inspect.signature(forward)
    except (TypeError, ValueError):
        arguments = forward.schema.arguments[1:]  # without self
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([inspect.Parameter(entry.name, kind) for entry in arguments])


def takes_target(model: nn.Module) -> bool:
    """Does forward have an argument for the target, as models that compute their own loss do?"""
    names, _ = forward_names(model)
    return any(name in TARGET_NAMES for name in names)


def loss_in(output: Any) -> Tensor | None:
    """Return the loss that a model put into its output.

    It is `.loss`, `["loss"]`, the sum of a dict of nothing but scalars (detection models), the one
    scalar in a tuple, or the output itself when that is a scalar.
    """
    if isinstance(output, Tensor):
        return output if _is_scalar(output) else None
    if isinstance(output, Mapping):
        if isinstance(found := output.get("loss"), Tensor):
            return found
        scalars = [entry for entry in output.values() if _is_scalar(entry)]
        return torch.stack(scalars).sum() if scalars and len(scalars) == len(output) else None
    if isinstance(found := getattr(output, "loss", None), Tensor):
        return found
    if isinstance(output, tuple | list):
        scalars = [entry for entry in output if _is_scalar(entry)]
        return scalars[0] if len(scalars) == 1 else None
    return None


def _is_scalar(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 0 and value.is_floating_point()


OUTPUT_NAMES = (
    "logits",
    "output",
    "out",
    "prediction",
    "predictions",
    "preds",
    "last_hidden_state",
)


def main_output(output: Any) -> Tensor | None:
    """Return the tensor in an output that a loss is computed from."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        found = next((output[name] for name in OUTPUT_NAMES if name in output), None)
        if found is None:
            found = next((entry for entry in output.values() if isinstance(entry, Tensor)), None)
        return found if isinstance(found, Tensor) else None
    for name in OUTPUT_NAMES:
        if isinstance(found := getattr(output, name, None), Tensor):
            return found
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return output[0]
    return None
