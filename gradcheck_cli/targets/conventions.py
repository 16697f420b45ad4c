"""What people usually call their model, data, loss and optimizer, and the search for it in a module."""

import inspect
import os
import sys
from types import CodeType, ModuleType
from typing import Any, Literal

from torch import nn

from gradcheck_cli.errors import UsageError

Kind = Literal["model", "data", "loss", "optimizer", "scheduler", "training_step"]

INSTALLED = ("site-packages", "dist-packages")

NAMES: dict[Kind, tuple[str, ...]] = {
    "model": (
        "build_model",
        "make_model",
        "create_model",
        "get_model",
        "model",
        "Model",
        "net",
        "Net",
    ),
    "data": (
        "data",
        "train_data",
        "make_data",
        "dataset",
        "train_loader",
        "train_dataset",
        "train_dataloader",
        "make_dataset",
        "get_data",
        "dataloader",
        "loader",
        "trainloader",
        "trainset",
    ),
    "loss": ("loss_fn", "criterion", "compute_loss", "loss_function"),
    "optimizer": (
        "make_optimizer",
        "optimizer",
        "build_optimizer",
        "configure_optimizers",
        "get_optimizer",
    ),
    "scheduler": ("make_scheduler", "build_scheduler", "get_scheduler"),
    "training_step": ("training_step",),
}


def search(module: ModuleType, kind: Kind) -> str | None:
    """Return the first conventional name that `module` defines, or None."""
    for name in NAMES[kind]:
        value = module.__dict__.get(name)
        if value is None or isinstance(value, ModuleType) or _is_of_a_package(value, name):
            continue
        return name
    return None


def _is_of_a_package(value: Any, name: str) -> bool:
    """Did it come from an installed package under its own name? (`from transformers import *`)"""
    if getattr(value, "__name__", None) != name:
        return False
    home = sys.modules.get(getattr(value, "__module__", None) or "")
    file = getattr(home, "__file__", None) or ""
    return any(f"{os.sep}{folder}{os.sep}" in file for folder in INSTALLED)


def search_model(module: ModuleType, text: str) -> str:
    """Return the name of the model in `module`; raises UsageError where there is none or a choice."""
    if name := search(module, "model"):
        return name
    candidates = own_models(module) or _entry_points(module)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        choices = ", ".join(f"{text}:{name}" for name in candidates)
        raise UsageError(f"{text} defines {len(candidates)} models; say which one: {choices}")
    raise UsageError(
        f"{text} has no model: no {', '.join(NAMES['model'][:5])} and no nn.Module class of its own; "
        f"name it, such as {text}:MyModel, or run it as a script: gradcheck run {text}"
    )


def _entry_points(module: ModuleType) -> list[str]:
    """Names of the functions that a hubconf.py offers."""
    if not (module.__file__ or "").endswith("hubconf.py"):
        return []
    functions = {
        name: value
        for name, value in module.__dict__.items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    own = [name for name, value in functions.items() if value.__module__ == module.__name__]
    return own or list(functions)


def own_models(module: ModuleType) -> list[str]:
    """Names of nn.Module classes written in `module`, else of nn.Module instances in it.

    Classes that another one of them builds (a Block) are parts and left out, unless all are.
    """
    members: list[tuple[str, Any]] = list(module.__dict__.items())
    classes = {
        name: value
        for name, value in members
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__ == module.__name__
    }
    if not classes:
        return [name for name, value in members if isinstance(value, nn.Module)]
    parts = {
        used
        for name, value in classes.items()
        for used in (*_names_used(value), *(base.__name__ for base in value.__mro__[1:]))
        if used != name
    }
    return [name for name in classes if name not in parts] or list(classes)


def _names_used(kind: type) -> set[str]:
    """Names that the methods of a class look up, nested functions included."""
    found: set[str] = set()
    waiting = [member.__code__ for member in vars(kind).values() if inspect.isfunction(member)]
    while waiting:
        code = waiting.pop()
        found.update(code.co_names)
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return found
