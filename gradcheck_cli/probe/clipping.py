"""What happens to gradients between the backward pass and the update: unscaling, clipping."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.hooking import graph_task, in_backward, on_accumulated, unheard
from gradcheck_cli.probe.picking import LIMIT, flat, is_lazy, plain, unreadable
from gradcheck_cli.probe.shield import shielded
from gradcheck_cli.targets.optimizers import held_by

_ENGINE: Any = torch.autograd.Variable._execution_engine  # noqa: SLF001 - as torch's own DDP and FSDP


@dataclass(slots=True)
class ClipWatch:
    """Compares gradients as they arrived with gradients as the optimizer used them."""

    ledger: Ledger
    _raw: dict[int, torch.Tensor] = field(default_factory=dict)  # norms, by id of the parameter
    _arriving: list[torch.Tensor] = field(default_factory=list)
    _task: int | None = None  # the backward pass at whose end they are read
    _inverse_scale: torch.Tensor | None = None

    @unheard
    def begin(self, parameters: Iterable[nn.Parameter], stack: ExitStack) -> None:
        """Note the norm of every gradient that arrives, until the stack closes."""
        self.forget()
        for parameter in parameters:
            if parameter.requires_grad and parameter.is_leaf and not is_lazy(parameter):
                hook = on_accumulated(parameter, self._arrives)
                stack.callback(hook.remove)

    def forget(self) -> None:
        """The step is over."""
        self._raw.clear()
        self._arriving.clear()
        self._task = self._inverse_scale = None

    def unscaled(self, inverse_scale: torch.Tensor, infinite: torch.Tensor | None = None) -> None:
        """A gradient scaler multiplied the gradients by this number and looked for infinite ones."""
        self._inverse_scale = inverse_scale.detach().clone()
        if infinite is not None:
            self.ledger.add(("", "infinite"), infinite.detach().double().sum())

    @shielded
    def _arrives(self, parameter: torch.Tensor) -> None:
        self._arriving.append(parameter)
        if not in_backward():  # some calls these hooks themselves
            self._have_arrived()
        elif self._task != graph_task():
            self._task = graph_task()
            _ENGINE.queue_callback(self._all_arrive)

    @shielded
    def _all_arrive(self) -> None:
        """Queue behind what others do when a backward pass ends: DDP and FSDP finish reducing then."""
        _ENGINE.queue_callback(self._have_arrived)

    @unheard
    def _have_arrived(self) -> None:
        """The backward pass is over: read all gradients in one go."""
        self._task = None
        held = [p for p in self._arriving if p.grad is not None and unreadable(p.grad) is None]
        self._arriving.clear()
        with torch.no_grad():
            self._raw.update(zip(map(id, held), _norms(held), strict=True))

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """A fused optimizer unscales by itself."""
        scale = getattr(optimizer, "grad_scale", None)
        if isinstance(scale, torch.Tensor):
            self.unscaled(scale.reciprocal())

    def after_update(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer has used the gradients."""
        held = [p for p in held_by(optimizer) if id(p) in self._raw]
        held = [p for p in held if p.grad is not None]
        if not held:
            return
        if self._inverse_scale is not None:
            scale = self._inverse_scale.double().reciprocal()
            self.ledger.add(("", "scale"), scale.sum())
        by_device: dict[torch.device, list[torch.Tensor]] = {}
        for parameter in held:
            by_device.setdefault(parameter.device, []).append(parameter)
        for parameters in by_device.values():
            both = [self._raw[id(p)] for p in parameters], _norms(parameters)
            raw, used = (torch.dot(x, x) for x in map(torch.stack, both))
            if self._inverse_scale is not None:
                raw = raw * self._inverse_scale.to(raw).square().sum()
            self.ledger.add(("", "clip"), used, raw)


def _norms(parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return [] for each: the norm of its gradient, always judged by the same elements."""
    if not parameters:
        return []
    grads = [plain(p.grad) for p in parameters if p.grad is not None]
    read = [flat(grad) if grad.numel() > LIMIT else grad for grad in grads]
    wide = torch.float32 if any(g.device.type == "mps" for g in grads) else torch.float64
    norms = list(torch._foreach_norm(read, 2, dtype=wide))  # noqa: SLF001 - not public
    pairs = zip(grads, read, strict=True)
    torch._foreach_mul_(norms, [(g.numel() / max(r.numel(), 1)) ** 0.5 for g, r in pairs])
    return norms
