"""A mistake of the loop, mended while the script is run again: from outside, as it goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import clip_grad

from gradcheck_cli.probe.replacing import replaced
from gradcheck_cli.probe.subjects import Group
from gradcheck_cli.targets.change import LoopChange
from gradcheck_cli.targets.loop import without_checkpoints
from gradcheck_cli.targets.optimizers import held_by

Stay = Callable[[Any], Any]
_READY = 0  # stage of an optimizer whose gradients a scaler has not touched since its last update


@dataclass(slots=True)
class MendedLoop:
    """Does what the loop leaves undone. It stands below the observer, which sees the mended loop."""

    loop: LoopChange
    group: Group
    used: list[torch.optim.Optimizer] = field(default_factory=list)  # stepped since the last pass
    scaler: GradScaler | None = None  # that was used last
    flags: dict[int, bool] = field(default_factory=dict)  # of the first training call
    running: bool = False  # a backward pass
    owing: bool = False  # a backward pass was not followed by a step
    clear: Callable[..., Any] = torch.optim.Optimizer.zero_grad

    def begin(self, stay: Stay) -> None:
        """Begin; `stay` takes patches that are there for the rest of the process."""
        loop = self.loop
        self.flags = {id(m): m.training for model in self.group.models for m in model.modules()}
        if loop.clears:
            for optimizer in self.group.optimizers:
                optimizer.register_step_post_hook(lambda o, *_: self.used.append(o))
        for optimizer in self.group.optimizers if loop.steps else ():
            optimizer.register_step_post_hook(self._stepped)
        if loop.clears or loop.passes > 1 or loop.steps:
            stay(replaced(torch.autograd, "backward", self._backward))
        for owner in (torch.optim.Optimizer, nn.Module):
            if loop.keeps or loop.steps:
                stay(replaced(owner, "zero_grad", self._zero_grad))
        if loop.trains or loop.steps:
            stay(register_module_forward_pre_hook(self._enters))
        if loop.unscales or loop.steps:
            stay(replaced(GradScaler, "scale", self._scale))
            stay(replaced(clip_grad, "_get_total_norm", self._norm))
        stay(without_checkpoints(loop))

    def _backward(self, original: Any, tensors: Any, *args: Any, **kwargs: Any) -> Any:
        if self.running:  # a function mode hands the call back
            return original(tensors, *args, **kwargs)
        while self.used:
            self.clear(self.used.pop())
        if self.loop.passes > 1:
            one = isinstance(tensors, torch.Tensor)
            parts = [t / self.loop.passes for t in ((tensors,) if one else tensors)]
            tensors = parts[0] if one else parts
        self.running = True
        try:
            result = original(tensors, *args, **kwargs)
        finally:
            self.running = False
        self.owing = self.loop.steps
        return result

    def _enters(self, module: nn.Module, _: Any) -> None:
        if not torch.is_grad_enabled() or all(module is not m for m in self.group.models):
            return
        if self.loop.trains:
            for part in module.modules():
                part.training = self.flags.get(id(part), part.training)
        self._step()

    def _zero_grad(self, original: Any, *args: Any, **kwargs: Any) -> None:
        self._step()
        if not self.loop.keeps:
            original(*args, **kwargs)

    def _stepped(self, *_: Any) -> None:
        self.owing = False

    def _step(self) -> None:
        """Step where it was left out: the observer takes what comes after the backward pass for an update."""
        owing, self.owing = self.owing, False
        if not owing:
            return
        for optimizer in self.group.optimizers:
            if self.scaler is None:
                optimizer.step()
            else:
                self.scaler.step(optimizer)
            self.clear(optimizer)
        if self.scaler is not None:
            self.scaler.update()

    def _scale(self, original: Any, scaler: GradScaler, outputs: Any) -> Any:
        self.scaler = scaler
        return original(scaler, outputs)

    def _norm(self, original: Any, tensors: Any, *args: Any, **kwargs: Any) -> Any:
        """Unscale before the norm is taken by which is clipped; it returns that of the new gradients."""
        taken = list(tensors)
        if self.loop.unscales and self.scaler is not None:
            for optimizer in self.group.optimizers:
                if _holds(optimizer, taken) and _is_ready(self.scaler, optimizer):
                    self.scaler.unscale_(optimizer)
        return original(taken, *args, **kwargs)


def _holds(optimizer: torch.optim.Optimizer, gradients: Sequence[torch.Tensor]) -> bool:
    wanted = {id(g) for g in gradients}
    return any(id(p.grad) in wanted for p in held_by(optimizer))


def _is_ready(scaler: GradScaler, optimizer: torch.optim.Optimizer) -> bool:
    state: Any = scaler._per_optimizer_states[id(optimizer)]  # noqa: SLF001 - no public way to ask
    return bool(state["stage"].value == _READY)
