"""The optimizer, whichever way it was given."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.errors import CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.importing import nearest

DEFAULT = "AdamW"
DEFAULT_LR = 1e-3

MakeOptimizer = Callable[[nn.Module], Any]


def named_optimizer(name: str, lr: float | None) -> tuple[MakeOptimizer, str]:
    """Return how to build torch.optim.`name`, and how it is called. Raises UsageError."""
    kind = getattr(torch.optim, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, Optimizer)) or kind is Optimizer:
        known = [
            entry for entry in dir(torch.optim) if entry[:1].isupper() and entry != "Optimizer"
        ]
        near = nearest(name, known)
        raise UsageError(
            f"no optimizer {name!r} in torch.optim"
            + (f"; did you mean {near}?" if near else "; for your own write file.py:name")
        )
    options: dict[str, Any] = {} if lr is None else {"lr": lr}

    def make(model: nn.Module) -> Optimizer:
        return kind(trainable(model), **options)

    return make, name


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that ask for a gradient. Raises CannotDiagnoseError when none does."""
    parameters = [entry for entry in model.parameters() if entry.requires_grad]
    if not parameters:
        total = sum(1 for _ in model.parameters())
        raise CannotDiagnoseError(
            f"no parameter of the model requires a gradient ({total} parameters, all frozen)"
            if total
            else "the model has no parameters, so there is nothing to train"
        )
    return parameters


def given_optimizer(optimizer: Any, lr: float | None, said: str) -> tuple[MakeOptimizer, str]:
    """Return how to build an optimizer from a name, a class or a function of the model."""
    if isinstance(optimizer, str):
        return named_optimizer(optimizer, lr)
    if inspect.isclass(optimizer) and issubclass(optimizer, Optimizer):
        options: dict[str, Any] = {} if lr is None else {"lr": lr}
        return (lambda model: optimizer(trainable(model), **options)), optimizer.__name__
    if callable(optimizer):
        return _guarded(optimizer, said), said
    raise UsageError(
        f"the optimizer {said} is {type(optimizer).__name__}; give a function of the model, an "
        "optimizer class, or a name such as AdamW"
    )


def _guarded(make: Callable[..., Any], said: str) -> MakeOptimizer:
    def guarded(model: nn.Module) -> Any:
        try:
            return make(model)
        except Exception as cause:
            raise UserCodeError(f"building the optimizer with {said}", cause) from cause

    return guarded


def optimizers_in(made: Any, said: str) -> tuple[Optimizer, ...]:
    """Return the optimizers a function gave. Raises UsageError when it gave something else."""
    listed = tuple(made) if isinstance(made, tuple | list) else (made,)
    if not listed or not all(hasattr(entry, "param_groups") for entry in listed):
        raise UsageError(f"{said} returned {type(made).__name__}, not an optimizer")
    return listed


def belongs_to(optimizer: Optimizer, model: nn.Module) -> bool:
    """Does it hold at least one parameter of this very model?"""
    owned = {id(entry) for entry in model.parameters()}
    return any(id(entry) in owned for group in optimizer.param_groups for entry in group["params"])


def follow_model(optimizer: Optimizer, before: set[int], model: nn.Module) -> None:
    """Let a copied optimizer hold the changed model's parameters.

    Parameters that left the model (and none else: `before` holds the ids of those it had) are
    dropped; new ones join the first group.
    """
    now = {id(entry): entry for entry in model.parameters()}
    for group in optimizer.param_groups:
        group["params"] = [
            entry for entry in group["params"] if id(entry) in now or id(entry) not in before
        ]
    fresh = [entry for key, entry in now.items() if key not in before and entry.requires_grad]
    optimizer.param_groups[0]["params"].extend(fresh)
