"""The training loop itself: what a user would write, one step at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from gradcheck_cli.errors import CannotDiagnoseError
from gradcheck_cli.targets.losses import Computed, Objective
from gradcheck_cli.targets.randomness import seed_everything, unchanged
from gradcheck_cli.targets.training import Outcome
from gradcheck_cli.targets.wording import map_tensors, tensors_in

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(slots=True, kw_only=True)
class Loop:
    """One model, its optimizers and its row of batches; `step` and `evaluate` of a Training."""

    model: nn.Module
    optimizers: tuple[Optimizer, ...]
    objective: Objective
    batches: Iterator[Any]
    held_out: Callable[[], Iterator[Any]]  # begins anew: the same batches each time
    device: torch.device
    seed: int
    precision: str = "fp32"
    warm_up: int | None = None
    clip: float | None = None
    scaler: torch.amp.GradScaler | None = None
    steps: int = 0
    rates: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.precision == "fp16":
            self.scaler = torch.amp.GradScaler(self.device.type)
        self.rates = [[group["lr"] for group in entry.param_groups] for entry in self.optimizers]

    def step(self) -> Outcome:
        """Train on one batch. Raises UserCodeError and CannotDiagnoseError."""
        batch = self._moved(next(self.batches))
        self._warm()
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        with self.autocast():
            computed = self.objective.compute(self.model, batch)
        self._backward(computed)
        for optimizer in self.optimizers:
            self._advance(optimizer)
        if self.scaler is not None:
            self.scaler.update()
        self.steps += 1
        return Outcome(
            computed.loss.detach(), batch, computed.output, computed.target, samples_in(batch)
        )

    def evaluate(self, number: int) -> float:
        """Return the mean loss over held-out batches; parameters, buffers and chance stay as they are."""
        losses: list[float] = []
        with unchanged(), buffers_kept(self.model), torch.no_grad(), self.autocast():
            seed_everything(self.seed)
            for batch in islice(self.held_out(), number):
                computed = self.objective.compute(self.model, self._moved(batch))
                losses.append(float(computed.loss))
        return sum(losses) / len(losses) if losses else float("nan")

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision where it was asked for."""
        if self.precision not in HALF:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=HALF[self.precision])

    def _moved(self, batch: Any) -> Any:
        if self.device.type == "cpu":
            return batch
        return map_tensors(batch, lambda tensor: tensor.to(self.device))

    def _backward(self, computed: Computed) -> None:
        loss = computed.loss
        if not loss.requires_grad:
            raise CannotDiagnoseError(
                f"the loss {self.objective.name} depends on no parameter that requires a gradient: "
                "something on the way cut it off (detach, .item(), .data, argmax, no_grad)"
            )
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()

    def _advance(self, optimizer: Optimizer) -> None:
        if self.clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(optimizer)
            held = [entry for group in optimizer.param_groups for entry in group["params"]]
            nn.utils.clip_grad_norm_(held, self.clip)
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)

    def _warm(self) -> None:
        if self.warm_up is None or self.steps > self.warm_up:
            return
        share = min(1.0, (self.steps + 1) / self.warm_up)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Give every buffer back the values it had, also where it was replaced or an exception passes."""
    kept = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()  # noqa: SLF001
        if buffer is not None
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, before in kept:
                module._buffers[name] = buffer.copy_(before)  # noqa: SLF001


def samples_in(batch: Any) -> int | None:
    """Return the length of the first dimension of the batch's first tensor that has one."""
    return next((len(tensor) for tensor in tensors_in(batch) if tensor.ndim), None)
