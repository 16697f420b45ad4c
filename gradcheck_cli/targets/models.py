"""What people call a model: a module, its class, or a function that builds one."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from gradcheck_cli.errors import (
    THEIRS,
    CannotDiagnoseError,
    GradcheckError,
    UsageError,
    UserCodeError,
)
from gradcheck_cli.targets.importing import check_arguments
from gradcheck_cli.targets.optimizers import belongs_to


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A model, and the optimizer that came with it (where the user has built it already)."""

    model: nn.Module
    optimizer: Optimizer | None = None


COMPILED = "torch.compile is left out: the layers run one by one, so numbers may differ slightly"
ModelMaker = Callable[[], MadeModel]


def model_maker(model: Any, said: str, optimizer: Optimizer | None) -> ModelMaker:
    """Return how to make the model anew. Raises UsageError on what is no model."""
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
    return lambda: MadeModel(_called(model, said))


def _called(factory: Callable[[], Any], said: str) -> nn.Module:
    try:
        made = factory()
    except GradcheckError:
        raise
    except THEIRS as cause:
        raise UserCodeError(f"building {said}", cause) from cause
    if not isinstance(made, nn.Module):
        raise UsageError(f"{said} returned {type(made).__name__}, not an nn.Module")
    return sound(made)


def _from_instance(model: nn.Module, said: str, optimizer: Optimizer | None) -> ModelMaker:
    if optimizer is not None and not belongs_to(optimizer, model):
        raise UsageError(
            f"the optimizer holds no parameter of {said}: it was built on another model; give a "
            "function of the model, such as make_optimizer(model)"
        )
    pristine = _copied(MadeModel(sound(model), optimizer), said)
    return lambda: _copied(pristine, said)


def _copied(made: MadeModel, said: str) -> MadeModel:
    try:
        model, optimizer = copy.deepcopy((made.model, made.optimizer))
    except THEIRS as cause:
        hint = (
            "the model is copied for every run; give its class or a function that builds it instead"
        )
        raise UserCodeError(f"copying {said}", cause, hint) from cause
    if made.optimizer is not None:
        for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
            getattr(optimizer, hooks).update(getattr(made.optimizer, hooks))  # a copy loses them
    return MadeModel(model, optimizer)


def sound(model: nn.Module) -> nn.Module:
    """Return the model. Raises CannotDiagnoseError where torch cannot train it, whoever tries.

    That is one of whose modules is inside itself, and one with a tensor on the meta device, which has
    a shape and no numbers.
    """
    if (path := _inside_itself(model)) is not None:
        raise CannotDiagnoseError(
            f"the module {path} holds a module that it is part of, so torch never comes to an end "
            "with it; keep a plain reference instead: object.__setattr__(self, name, module)"
        )
    tensors = (*model.named_parameters(), *model.named_buffers())
    empty = [path for path, tensor in tensors if tensor.is_meta]
    if empty:
        raise CannotDiagnoseError(
            f"{empty[0]} is on the meta device, which holds no numbers, as are {len(empty)} in all; "
            "build the model on a real device, or load its weights first"
        )
    return model


def _inside_itself(model: nn.Module) -> str | None:
    """Return the path of a module that holds one that it is part of."""
    done: set[int] = set()
    above: dict[int, None] = {}
    todo: list[tuple[str, nn.Module | None]] = [("", model)]  # None: all below has been seen
    while todo:
        path, module = todo.pop()
        if module is None:
            done.add(above.popitem()[0])
        elif id(module) in above:
            return path.rpartition(".")[0] or type(model).__name__
        elif id(module) not in done:
            above[id(module)] = None
            todo.append(("", None))
            todo += [
                (f"{path}.{name}".lstrip("."), m)
                for name, m in module._modules.items()  # noqa: SLF001 - as below
                if m is not None
            ]
    return None


def is_compiled(model: nn.Module) -> bool:
    """Did torch.compile wrap it, or some module in it?"""
    return any(
        "_orig_mod" in module._modules or vars(module).get("_compiled_call_impl") is not None  # noqa: SLF001 - attributes may lie
        for module in model.modules()
    )


def _wrapped(module: nn.Module) -> nn.Module | None:
    """Return what a wrapper of torch.compile holds; the dict of a ScriptModule has no `get`."""
    return module._modules["_orig_mod"] if "_orig_mod" in module._modules else None  # noqa: SIM401, SLF001


def uncompiled(model: nn.Module) -> nn.Module:
    """Return the model with torch.compile's wrappers taken off, so that every layer can be watched."""
    whole = _wrapped(model)
    model = model if whole is None else whole
    for path, module in list(model.named_modules()):
        if (inner := _wrapped(module)) is not None:
            model.set_submodule(path, inner)
        module._compiled_call_impl = None  # noqa: SLF001
    return model


def is_waiting(model: nn.Module) -> bool:
    """Do layers wait for data to learn their size?"""
    return any(is_lazy(entry) for entry in model.parameters())


def unwrapped(module: nn.Module) -> nn.Module:
    """Return the module inside the wrappers."""
    names = [name for name, _ in module.named_children()]
    if names == ["_orig_mod"] or (names == ["module"] and "Parallel" in type(module).__name__):
        return unwrapped(next(module.children()))
    return module
