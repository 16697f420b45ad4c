"""The training loop itself: what a user would write, one step at a time."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils import checkpoint

from gradcheck_cli.errors import THEIRS, CannotDiagnoseError, GradcheckError, UserCodeError
from gradcheck_cli.targets.change import LoopChange
from gradcheck_cli.targets.hooks import Manual
from gradcheck_cli.targets.kept import kept
from gradcheck_cli.targets.losses import Computed, Objective
from gradcheck_cli.targets.optimizers import Optimized, evaluating, held_by
from gradcheck_cli.targets.randomness import seed_everything, unchanged
from gradcheck_cli.targets.training import Outcome
from gradcheck_cli.targets.wording import moved, tensors_in

if TYPE_CHECKING:
    from gradcheck_cli.targets.strategies import Parallel

HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(slots=True, kw_only=True)
class Loop:
    """One model, its optimizers and its row of batches; `step` and `evaluate` of a Training."""

    model: nn.Module
    optimized: Optimized
    objective: Objective
    manual: Manual | None = None
    batches: Iterator[Any]
    held_out: Callable[[], Iterator[Any]]  # begins anew: the same batches each time
    device: torch.device
    seed: int
    precision: str = "fp32"
    accumulate: int = 1
    warm_up: int | None = None
    clip: float | None = None
    mended: LoopChange = LoopChange()  # noqa: RUF009 - frozen
    scaler: torch.amp.GradScaler | None = None
    parallel: "Parallel | None" = None  # with other ranks
    steps: int = 0
    rates: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for optimizer in self.optimizers:
            if callable(begin := getattr(optimizer, "train", None)):  # those without a schedule
                with told(f"train() of {type(optimizer).__name__}"):
                    begin()
        if replace(self.mended, clears=False, is_steady=False, checkpoints=True) != LoopChange():
            raise CannotDiagnoseError("a trial cannot change what a step does inside")
        if self.manual is not None and self.mended.clears:
            self.manual = replace(self.manual, clears=True)
        if self.precision == "fp16":
            self.scaler = torch.amp.GradScaler(self.device.type)
        self.rates = [[group["lr"] for group in entry.param_groups] for entry in self.optimizers]

    @property
    def optimizers(self) -> tuple[Optimizer, ...]:
        """The optimizers that are stepped."""
        return self.optimized.optimizers

    def step(self) -> Outcome:
        """Train on one batch. Raises UserCodeError and CannotDiagnoseError."""
        self._warm()
        with eager(), without_checkpoints(self.mended):
            outcome = (
                self._ordinary_step() if self.manual is None else self._manual_step(self.manual)
            )
        if self.optimized.schedulers and not self.mended.is_steady:
            with told("step of the scheduler"):
                self.optimized.schedule(float(outcome.loss))
        self.steps += 1
        return outcome

    def _ordinary_step(self) -> Outcome:
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        losses, samples = [], 0
        for _ in range(self.accumulate):
            batch = moved(next(self.batches), self.device)
            with self.autocast():
                computed = self._computed(batch)
            self._backward(computed)
            losses.append(self._reported(computed))
            samples += samples_in(batch) or 0
        for optimizer in self.optimizers:
            with told("step of the optimizer"):
                self._advance(optimizer, batch)
        if self.scaler is not None:
            self.scaler.update()
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).mean()
        if self.parallel is not None:
            loss = self.parallel.mean(loss)
        return Outcome(loss, batch, computed.output, computed.target, samples or None)

    def _computed(self, batch: Any) -> Computed:
        if self.parallel is None:
            return self.objective.compute(self.model, batch)
        return self.parallel.compute(batch)

    def _reported(self, computed: Computed) -> torch.Tensor:
        if self._has_each(computed):
            return torch.stack(computed.parts).sum().detach()
        return computed.loss.detach()

    def _has_each(self, computed: Computed) -> bool:
        """Is there one loss for each of several optimizers?"""
        return len(computed.parts) == len(self.optimizers) > 1

    def _manual_step(self, manual: Manual) -> Outcome:
        batch = moved(next(self.batches), self.device)
        with self.autocast():
            loss = manual.run(self.model, batch, self.optimizers)
        return Outcome(loss, batch, batch_size=samples_in(batch))

    def evaluate(self, number: int) -> float:
        """Return the mean loss over held-out batches; parameters, buffers and chance stay as they are."""
        with ExitStack() as stack:
            stack.enter_context(unchanged())
            stack.enter_context(kept(self.model.modules()))
            stack.enter_context(eager())
            stack.enter_context(self.autocast())
            stack.enter_context(evaluating(self.optimizers))
            seed_everything(self.seed)
            batches = [moved(batch, self.device) for batch in islice(self.held_out(), number)]
            if self.manual is not None:
                return self.manual.rehearse(self.model, batches, self.optimizers)
            stack.enter_context(torch.no_grad())
            computed = [self.objective.compute(self.model, batch) for batch in batches]
            losses = [float(self._reported(entry)) for entry in computed]
        return sum(losses) / len(losses) if losses else float("nan")

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision where it was asked for."""
        if self.precision not in HALF:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=HALF[self.precision])

    def _backward(self, computed: Computed) -> None:
        if not any(part.requires_grad for part in (computed.loss, *computed.parts)):
            raise CannotDiagnoseError(
                f"the loss {self.objective.name} depends on no parameter that requires a gradient: "
                "something on the way cut it off (detach, .item(), .data, argmax, no_grad)"
            )
        if self._has_each(computed):
            self._backward_each(computed)
        else:
            with told(f"backward of {self.objective.name}"):
                self._scaled(computed.loss).backward()

    def _backward_each(self, computed: Computed) -> None:
        """Every optimizer's parameters learn from its own loss."""
        last = len(computed.parts) - 1
        for index, (part, optimizer) in enumerate(
            zip(computed.parts, self.optimizers, strict=True)
        ):
            own = [
                entry
                for group in optimizer.param_groups
                for entry in group["params"]
                if entry.requires_grad
            ]
            with told(f"backward of loss {index} of {self.objective.name}"):
                self._scaled(part).backward(inputs=own, retain_graph=index < last)

    def _scaled(self, loss: torch.Tensor) -> torch.Tensor:
        if self.accumulate > 1:
            loss = loss / self.accumulate
        return loss if self.scaler is None else self.scaler.scale(loss)

    def _advance(self, optimizer: Optimizer, batch: Any) -> None:
        if self.clip is not None:
            if self.scaler is not None:
                self.scaler.unscale_(optimizer)
            held = held_by(optimizer)
            nn.utils.clip_grad_norm_(held, self.clip)
        if isinstance(optimizer, torch.optim.LBFGS):
            optimizer.step(self._again(optimizer, batch))
        elif self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)

    def _again(self, optimizer: Optimizer, batch: Any) -> Callable[[], float]:
        """Some optimizers look at a batch several times before they step."""

        def closure() -> float:
            optimizer.zero_grad()
            computed = self.objective.compute(self.model, batch)
            computed.loss.backward()
            return float(computed.loss.detach())

        return closure

    def _warm(self) -> None:
        if self.warm_up is None or self.steps > self.warm_up:
            return
        share = min(1.0, (self.steps + 1) / self.warm_up)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * share


def eager() -> AbstractContextManager[Any]:
    """Run what torch.compile has wrapped as plain Python, where torch.compile is in play at all."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Let what torch raises here on the user's behalf say what was being done."""
    try:
        yield
    except GradcheckError:
        raise
    except THEIRS as cause:
        raise UserCodeError(doing, cause) from cause


def samples_in(batch: Any) -> int | None:
    """Return the length of the first dimension of the batch's first tensor that has one."""
    return next((len(tensor) for tensor in tensors_in(batch) if tensor.ndim), None)


@contextmanager
def without_checkpoints(loop: LoopChange) -> Iterator[None]:
    """Run what reentrant checkpoints hold with its graph, if that is asked for."""
    function: Any = checkpoint.CheckpointFunction
    if loop.checkpoints:
        yield
        return
    outer = vars(function).get("apply")  # of an observer; else it is inherited
    function.apply = lambda run, _, *args: run(*args)
    try:
        yield
    finally:
        del function.apply
        if outer is not None:
            function.apply = outer
