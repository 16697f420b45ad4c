"""LightningModules without a Trainer: `training_step` is the loss, `configure_optimizers` the optimizer.

Recognized by class name, so nothing is imported for those who do not use Lightning.
"""

import inspect
import itertools
from collections.abc import Callable
from typing import Any

from torch import nn

from gradcheck_cli.errors import THEIRS, UserCodeError
from gradcheck_cli.targets.hooks import Manual

PACKAGES = ("lightning", "pytorch_lightning")
NOTE = (
    "Lightning: loss from training_step, optimizer from configure_optimizers; other hooks and the "
    "Trainer's settings (clipping, accumulation, precision) are not used, give them as options; "
    "schedulers that step once per epoch stand still"
)
TRAINER_HINT = (
    "there is no Trainer here; give --optimizer (and --lr) where the module asks its Trainer"
)


def is_lightning(value: Any, name: str = "LightningModule") -> bool:
    """Is it (an instance of) a class that Lightning calls `name`?"""
    kind = value if inspect.isclass(value) else type(value)
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] in PACKAGES
        for base in kind.__mro__
    )


def detach_from_trainer(model: Any) -> None:
    """Let what a module says to its Trainer go nowhere, on this instance only."""
    for name in ("log", "log_dict", "toggle_optimizer", "untoggle_optimizer"):
        object.__setattr__(model, name, _nothing)
    object.__setattr__(model, "manual_backward", _backward)
    object.__setattr__(model, "lr_schedulers", _nothing)


def _nothing(*_: Any, **__: Any) -> None:
    """Take anything and do nothing."""


def _backward(loss: Any, *args: Any, **kwargs: Any) -> None:
    loss.backward(*args, **kwargs)


def training_step(model: Any, batch: Any) -> Any:
    """Call the module's own training_step with what it takes of batch and batch_idx."""
    numbers = model.__dict__.setdefault("_gradcheck_numbers", itertools.count())
    index = next(numbers)
    names = list(inspect.signature(model.training_step).parameters)
    return model.training_step(batch, index) if len(names) > 1 else model.training_step(batch)


def configure_optimizers(model: Any) -> Any:
    """Call the module's own function. Raises UserCodeError with what to give instead."""
    try:
        return model.configure_optimizers()
    except THEIRS as cause:
        hint = TRAINER_HINT if "trainer" in str(cause).lower() else ""
        raise UserCodeError("configure_optimizers of the LightningModule", cause, hint) from cause


def manual_hook() -> Manual:
    """Return the step of a module that sets automatic_optimization to False."""

    def step(model: Any, batch: Any, optimizers: Any) -> Any:
        object.__setattr__(model, "optimizers", lambda *_, **__: optimizers)
        return training_step(model, batch)

    return Manual(step, "training_step of the LightningModule")


def train_loader(owner: Any) -> Any:
    """Return the batches of a LightningDataModule or of a module with train_dataloader."""
    if is_lightning(owner, "LightningDataModule"):
        owner.prepare_data()
        owner.setup("fit")
    return owner.train_dataloader()


def own_data(model: nn.Module) -> Callable[[], Any] | None:
    """Return the module's own train_dataloader where its class defines one."""
    if not is_lightning(model):
        return None
    method = getattr(type(model), "train_dataloader", None)
    if method is None or getattr(method, "__module__", "").partition(".")[0] in PACKAGES:
        return None
    return lambda: train_loader(model)
