"""The optimizer, whichever way it was given, with the schedulers that came with it."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from gradcheck_cli.errors import THEIRS, CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.importing import nearest

DEFAULT = "AdamW"
DEFAULT_LR = 1e-3

MakeOptimizer = Callable[[nn.Module], Any]


@dataclass(slots=True)
class Optimized:
    """The optimizers of a run and the schedulers that are stepped with them."""

    optimizers: tuple[Optimizer, ...]
    schedulers: tuple[Any, ...] = ()

    def schedule(self, loss: float) -> None:
        """Let every scheduler set the learning rate of the next step."""
        for scheduler in self.schedulers:
            if isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step(loss)
            else:
                scheduler.step()

    def set_rate(self, rate: float) -> None:
        """Let every group start from this learning rate, schedulers included."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
                if "initial_lr" in group:
                    group["initial_lr"] = rate
        for scheduler in self.schedulers:
            if hasattr(scheduler, "base_lrs"):
                scheduler.base_lrs = [rate] * len(scheduler.base_lrs)


def held_by(*optimizers: Optimizer) -> list[Any]:
    """Return the parameters that optimizers hold, group by group."""
    return [
        p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]
    ]


def ids_held_by(*optimizers: Optimizer) -> set[int]:
    """Return the identities of the parameters that optimizers hold."""
    return {id(p) for p in held_by(*optimizers)}


def named_optimizer(name: str, lr: float | None) -> MakeOptimizer:
    """Return how to build torch.optim.`name`. Raises UsageError where there is none."""
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
    return lambda model: kind(trainable(model), **options)


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


def given_optimizer(optimizer: Any, lr: float | None, said: str) -> MakeOptimizer:
    """Return how to build an optimizer from a name, a class or a function of the model."""
    if isinstance(optimizer, str):
        return named_optimizer(optimizer, lr)
    if inspect.isclass(optimizer) and issubclass(optimizer, Optimizer):
        options: dict[str, Any] = {} if lr is None else {"lr": lr}
        return lambda model: optimizer(trainable(model), **options)
    if callable(optimizer):
        return _guarded(optimizer, said)
    raise UsageError(
        f"the optimizer {said} is {type(optimizer).__name__}; give a function of the model, an "
        "optimizer class, or a name such as AdamW"
    )


def _guarded(make: Callable[..., Any], said: str) -> MakeOptimizer:
    def guarded(model: nn.Module) -> Any:
        try:
            return make(model)
        except THEIRS as cause:
            raise UserCodeError(f"building the optimizer with {said}", cause) from cause

    return guarded


def optimized(made: Any, said: str) -> Optimized:
    """Sort what a function gave: an optimizer, several, or with schedulers, as Lightning takes them.

    Raises UsageError when no optimizer is in it.
    """
    optimizers: list[Optimizer] = []
    schedulers: list[Any] = []
    _sort(made, optimizers, schedulers)
    if not optimizers:
        raise UsageError(f"{said} returned {type(made).__name__}, not an optimizer")
    return Optimized(tuple(optimizers), tuple(schedulers))


def _sort(made: Any, optimizers: list[Optimizer], schedulers: list[Any]) -> None:
    if hasattr(made, "param_groups"):
        optimizers.append(made)
    elif isinstance(made, Mapping):
        if "optimizer" in made:
            _sort(made["optimizer"], optimizers, schedulers)
            _sort(made.get("lr_scheduler"), optimizers, schedulers)
        elif made.get("interval") == "step":
            schedulers.append(made["scheduler"])
    elif isinstance(made, tuple | list):
        for entry in made:
            _sort(entry, optimizers, schedulers)
    elif hasattr(made, "step"):
        schedulers.append(made)


def belongs_to(optimizer: Optimizer, model: nn.Module) -> bool:
    """Does it hold at least one parameter of this very model?"""
    owned = {id(entry) for entry in model.parameters()}
    return any(id(entry) in owned for entry in held_by(optimizer))


def learning(model: nn.Module, optimizers: Iterable[Optimizer]) -> set[int]:
    """Return the ids of the parameters that want a gradient or are held by an optimizer."""
    held = ids_held_by(*optimizers)
    return {id(p) for p in model.parameters() if p.requires_grad or id(p) in held}


def follow_model(optimizer: Optimizer, before: set[int], model: nn.Module) -> None:
    """Let an optimizer hold the changed model's parameters; `before` is what `learning` returned.

    Parameters that left the model are dropped. New ones, and those that were frozen and are no more,
    join the first group, as if it had been built for the changed model.
    """
    now = {id(entry): entry for entry in model.parameters()}
    for group in optimizer.param_groups:
        group["params"] = [
            entry for entry in group["params"] if id(entry) in now or id(entry) not in before
        ]
    fresh = [entry for key, entry in now.items() if key not in before and entry.requires_grad]
    optimizer.param_groups[0]["params"].extend(fresh)


@contextmanager
def evaluating(optimizers: Sequence[Optimizer]) -> Iterator[None]:
    """Put optimizers that have modes (schedule-free ones) into eval mode, and back into train mode.

    They hold other weights in each; what they trained on is put back bit for bit.
    """
    moded = [o for o in optimizers if callable(getattr(o, "eval", None))]
    moded = [o for o in moded if callable(getattr(o, "train", None))]
    held = held_by(*moded)
    kept = [p.detach().clone() for p in held]
    try:
        for optimizer in moded:
            optimizer.eval()  # type: ignore[attr-defined]
        yield
    finally:
        for optimizer in moded:
            optimizer.train()  # type: ignore[attr-defined]
        with torch.no_grad():
            for parameter, before in zip(held, kept, strict=True):
                parameter.copy_(before)


def configured(group: Mapping[str, Any]) -> float:
    """Return the rate that a group was given, or that its schedule aims at."""
    return max(float(group[key]) for key in ("lr", "initial_lr", "max_lr") if key in group)
