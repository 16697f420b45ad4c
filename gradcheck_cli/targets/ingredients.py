"""From what was named or handed over to the parts of a target."""

import copy
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradcheck_cli.errors import GradcheckError, UsageError, UserCodeError
from gradcheck_cli.targets.batches import Source
from gradcheck_cli.targets.conventions import NAMES, Kind, search, search_model
from gradcheck_cli.targets.data import as_source, from_function
from gradcheck_cli.targets.importing import Found, check_arguments, find, load_module
from gradcheck_cli.targets.optimizers import (
    DEFAULT,
    DEFAULT_LR,
    MakeOptimizer,
    belongs_to,
    given_optimizer,
    named_optimizer,
)
from gradcheck_cli.targets.references import parse


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A model, and the optimizers that came with it (where the user has built them already)."""

    model: nn.Module
    optimizers: tuple[Optimizer, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelMaker:
    """Makes the model anew each time."""

    make: Callable[[], MadeModel]

    def lazy(self, model: nn.Module) -> bool:
        """Do layers wait for data to learn their size?"""
        return any(is_lazy(entry) for entry in model.parameters())


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """The parts of a target, recognised."""

    model: ModelMaker
    data: Source
    loss: Any
    loss_name: str
    make_optimizer: MakeOptimizer | None
    optimizer_name: str
    notes: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)


def from_objects(
    model: Any,
    data: Any,
    loss: Any,
    optimizer: Any,
    *,
    lr: float | None,
    batch_size: int | None,
    names: dict[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Ingredients:
    """Recognise objects. Raises UsageError on what fits no part."""
    names = names or {}
    said = {
        kind: names.get(kind) or _name_of(value, kind)
        for kind, value in _pairs(model, data, loss, optimizer)
    }
    instance = isinstance(optimizer, Optimizer)
    make_optimizer: MakeOptimizer | None = None
    if optimizer is None:
        make_optimizer, optimizer_name = named_optimizer(DEFAULT, lr or DEFAULT_LR)
        rate = lr or DEFAULT_LR
        notes = (*notes, f"optimizer {DEFAULT} with learning rate {rate:g}, because none was given")
    elif instance:
        optimizer_name = type(optimizer).__name__
    else:
        make_optimizer, optimizer_name = given_optimizer(optimizer, lr, said["optimizer"])
        if isinstance(optimizer, str) and lr is None:
            notes = (
                *notes,
                f"learning rate: the default of torch.optim.{optimizer}, because none was given",
            )
    maker = model_maker(model, said["model"], optimizer if instance else None)
    return Ingredients(
        model=maker,
        data=_source(data, batch_size, said["data"]),
        loss=loss,
        loss_name=said["loss"],
        make_optimizer=make_optimizer,
        optimizer_name=optimizer_name,
        notes=notes,
        labels=said,
    )


def from_texts(
    model: str,
    data: str | None,
    loss: str | None,
    optimizer: str | None,
    *,
    lr: float | None,
    batch_size: int | None,
) -> Ingredients:
    """Load what was named; what was not is looked for in the model's own file, and that is said."""
    found = load(model, "model")
    notes: list[str] = []
    names = {"model": found.label}
    values: dict[str, Any] = {}
    given: dict[Kind, str | None] = {"data": data, "loss": loss, "optimizer": optimizer}
    for kind, text in given.items():
        value, label = _part(kind, text, found, notes)
        values[kind] = value
        names[kind] = label
    if values["data"] is None:
        raise UsageError(
            f"no data: {model} defines none of {', '.join(NAMES['data'][:5])}; "
            "define one of them there, or name it: --data file.py:name"
        )
    return from_objects(
        bound(found),
        values["data"],
        values["loss"],
        values["optimizer"],
        lr=lr,
        batch_size=batch_size,
        names=names,
        notes=tuple(notes),
    )


def _part(kind: Kind, text: str | None, model: Found, notes: list[str]) -> tuple[Any, str]:
    if text is None:
        return _found_beside(kind, model, notes)
    if kind in {"loss", "optimizer"} and text.isidentifier():
        return text, text
    found = load(text, kind)
    if kind == "optimizer":
        return _bound_optimizer(found), found.label
    if kind == "loss":
        return _bound_loss(found), found.label
    return bound(found), found.label


def _found_beside(kind: Kind, model: Found, notes: list[str]) -> tuple[Any, str]:
    name = search(model.module, kind)
    if name is None:
        return None, ""
    value = getattr(model.module, name)
    if isinstance(value, Optimizer) and not (
        isinstance(model.value, nn.Module) and belongs_to(value, model.value)
    ):
        return None, ""  # built on another model of that file
    where = model.label.partition(":")[0] if not model.label.endswith(".py") else model.label
    notes.append(f"{kind} from {where}:{name}, because none was given")
    return value, f"{where}:{name}"


def load(text: str, kind: Kind) -> Found:
    """Import what `text` names; a bare file or module is searched for conventional names."""
    reference = parse(text)
    module = load_module(reference)
    path = reference.path
    if path is None:
        path = search_model(module, text) if kind == "model" else search(module, kind)
    if path is None:
        raise UsageError(
            f"{text} has no {kind}: none of {', '.join(NAMES[kind][:5])}; name it: --{kind} {text}:name"
        )
    return find(reference, module, path)


def bound(found: Found) -> Any:
    """Return the object, or the call with its literal arguments, checked against the signature."""
    if not found.called:
        return found.value
    if not callable(found.value):
        raise UsageError(f"{found.label} is {type(found.value).__name__} and cannot be called")
    check_arguments(found.value, found.label, *found.args, **found.kwargs)
    return functools.partial(found.value, *found.args, **found.kwargs)


def _bound_optimizer(found: Found) -> Any:
    if not found.called:
        if callable(found.value) and not isinstance(found.value, Optimizer):
            check_arguments(found.value, found.label, object())
        return found.value
    check_arguments(found.value, found.label, object(), *found.args, **found.kwargs)
    return lambda model: found.value(model, *found.args, **found.kwargs)


def _bound_loss(found: Found) -> Any:
    """A call makes the loss function, unless only the output and target are missing."""
    if not found.called:
        return found.value
    try:
        inspect.signature(found.value).bind(object(), object(), *found.args, **found.kwargs)
    except TypeError:
        return bound(found)()
    except ValueError:  # a builtin that does not tell its signature
        return bound(found)()
    if inspect.isclass(found.value):
        return bound(found)()
    return functools.partial(found.value, *found.args, **found.kwargs)


def _source(data: Any, batch_size: int | None, said: str) -> Source:
    if callable(data) and not hasattr(data, "__getitem__") and not hasattr(data, "__iter__"):
        check_arguments(data, said)
        return from_function(data, batch_size, said)
    if inspect.isclass(data):
        check_arguments(data, said)
        return from_function(data, batch_size, said)
    return as_source(data, batch_size, said)


def model_maker(model: Any, said: str, optimizer: Optimizer | None) -> ModelMaker:
    """Recognise a module, a class or a factory. Raises UsageError on anything else."""
    if isinstance(model, nn.Module):
        return _from_instance(model, said, optimizer)
    if optimizer is not None:
        raise UsageError(
            f"the optimizer is an instance, but {said} builds a new model each time; give a function "
            "of the model, such as make_optimizer(model)"
        )
    if isinstance(model, ModuleType) or not callable(model):
        raise UsageError(
            f"{said} is {type(model).__name__}; a model is an nn.Module, its class, or a function that builds one"
        )
    check_arguments(model, said)
    return ModelMaker(lambda: MadeModel(_called(model, said)))


def _called(factory: Callable[[], Any], said: str) -> nn.Module:
    try:
        made = factory()
    except GradcheckError:
        raise
    except Exception as cause:
        raise UserCodeError(f"building {said}", cause) from cause
    if not isinstance(made, nn.Module):
        raise UsageError(f"{said} returned {type(made).__name__}, not an nn.Module")
    return made


def _from_instance(model: nn.Module, said: str, optimizer: Optimizer | None) -> ModelMaker:
    if optimizer is not None and not belongs_to(optimizer, model):
        raise UsageError(
            f"the optimizer holds no parameter of {said}: it was built on another model; give a "
            "function of the model, such as make_optimizer(model)"
        )
    pristine = _copied(model, optimizer, said)

    def make() -> MadeModel:
        return _copied(
            pristine.model, pristine.optimizers[0] if pristine.optimizers else None, said
        )

    return ModelMaker(make)


def _copied(model: nn.Module, optimizer: Optimizer | None, said: str) -> MadeModel:
    try:
        twin, held = copy.deepcopy((model, optimizer))
    except Exception as cause:
        hint = (
            "the model is copied for every run; give its class or a function that builds it instead"
        )
        raise UserCodeError(f"copying {said}", cause, hint) from cause
    if held is None or optimizer is None:
        return MadeModel(twin)
    for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        getattr(held, hooks).update(getattr(optimizer, hooks))  # a copy loses them
    return MadeModel(twin, (held,))


def _pairs(model: Any, data: Any, loss: Any, optimizer: Any) -> list[tuple[str, Any]]:
    return [("model", model), ("data", data), ("loss", loss), ("optimizer", optimizer)]


def _name_of(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, functools.partial):
        value = value.func
    return getattr(value, "__name__", None) or (
        f"the {kind}" if value is None else type(value).__name__
    )
