"""`training_step(model, batch)`: a step that the user's own code decides about.

With a third argument, the optimizers, it does everything itself (a GAN's two turns); without one it
returns a loss, or one loss for each optimizer. And which layer raised, read from the traceback.
"""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from gradcheck_cli.errors import THEIRS, CannotDiagnoseError, UsageError, UserCodeError
from gradcheck_cli.targets.calling import loss_in
from gradcheck_cli.targets.wording import describe


@dataclass(frozen=True, slots=True)
class Manual:
    """A hook that goes backward and steps by itself."""

    step: Callable[[Any, Any, Any], Any]
    name: str
    clears: bool = False  # gradients of earlier steps, before it

    def run(self, model: nn.Module, batch: Any, optimizers: tuple[Optimizer, ...]) -> Tensor:
        """Perform one step and return the loss it reports. Raises UserCodeError."""
        for optimizer in optimizers if self.clears else ():
            optimizer.zero_grad()
        given = optimizers[0] if len(optimizers) == 1 else optimizers
        try:
            returned = self.step(model, batch, given)
        except THEIRS as cause:
            hint = f"the batch is {describe(batch)}"
            raise forward_error(model, cause, hint, otherwise=self.name) from cause
        return reported(returned, self.name)

    def rehearse(
        self, model: nn.Module, batches: list[Any], optimizers: tuple[Optimizer, ...]
    ) -> float:
        """Return the mean loss of these steps, performed on copies."""
        twin, twins = copy.deepcopy((model, optimizers))
        losses = [float(self.run(twin, batch, twins)) for batch in batches]
        return sum(losses) / len(losses) if losses else float("nan")


def reported(returned: Any, name: str) -> Tensor:
    """Return one number from what a hook returned: a loss, or the sum of several."""
    parts = losses_in(returned)
    if not parts:
        raise CannotDiagnoseError(
            f"{name} returned {describe(returned)}, no loss; return the loss, or a dict of losses"
        )
    return torch.stack([part.detach().float() for part in parts]).sum()


def losses_in(returned: Any) -> tuple[Tensor, ...]:
    """Return the scalars in what a hook returned."""
    if isinstance(returned, int | float):
        return (torch.tensor(float(returned)),)
    if isinstance(returned, Tensor):
        return (returned.reshape(()),) if returned.numel() == 1 else ()
    if (single := loss_in(returned)) is not None:
        return (single.reshape(()),)
    entries = list(returned.values()) if isinstance(returned, Mapping) else returned
    if not isinstance(entries, tuple | list):
        return ()
    return tuple(part for entry in entries for part in losses_in(entry))


def takes_optimizers(hook: Callable[..., Any]) -> bool:
    """Does it take a third argument? Raises UsageError when it takes fewer than two."""
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):
        return False
    for number, answer in ((2, False), (3, True)):
        try:
            signature.bind(*[None] * number)
        except TypeError:
            continue
        return answer
    raise UsageError(
        f"training_step{signature} must take (model, batch) and return a loss, or (model, batch, "
        "optimizers) and do everything itself"
    )


def forward_error(
    model: nn.Module, cause: BaseException, hint: str, *, otherwise: str
) -> UserCodeError:
    """Return the error that says in which layer's forward `cause` was raised."""
    found = innermost_layer(model, cause.__traceback__)
    if found is None:
        return UserCodeError(otherwise, cause, hint)
    path, layer = found
    kind = type(layer).__name__
    doing = f"forward of {path} ({kind})" if path else f"forward of {kind}"
    shown = f"{layer}"
    if "\n" not in shown:
        hint = f"{hint}; the layer is {shown}"
    return UserCodeError(doing, cause, hint)


def innermost_layer(
    model: nn.Module, traceback: TracebackType | None
) -> tuple[str, nn.Module] | None:
    """Return path and module of the last of the model's modules whose code was running."""
    paths = {id(module): (path, module) for path, module in model.named_modules()}
    found = None
    while traceback is not None:
        owner = traceback.tb_frame.f_locals.get("self")
        if id(owner) in paths:
            found = paths[id(owner)]
        traceback = traceback.tb_next
    return found
