"""What happens to gradients between the backward pass and the update: unscaling, clipping."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import torch
from torch import nn

from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.hooking import unheard
from gradcheck_cli.probe.picking import flat, is_lazy, plain, unreadable


@dataclass(slots=True)
class ClipWatch:
    """Compares gradients as they arrived with gradients as the optimizer used them."""

    ledger: Ledger
    _raw: dict[int, torch.Tensor] = field(default_factory=dict)
    _inverse_scale: torch.Tensor | None = None

    def begin(self, parameters: Iterable[nn.Parameter], stack: ExitStack) -> None:
        """Note the norm of every gradient that arrives, until the stack closes."""
        self.forget()
        for parameter in parameters:
            if parameter.requires_grad and parameter.is_leaf and not is_lazy(parameter):
                hook = parameter.register_post_accumulate_grad_hook(self._arrives)
                stack.callback(hook.remove)

    def forget(self) -> None:
        """The step is over."""
        self._raw.clear()
        self._inverse_scale = None

    def unscaled(self, inverse_scale: torch.Tensor, infinite: torch.Tensor | None = None) -> None:
        """A gradient scaler multiplied the gradients by this number and looked for infinite ones."""
        self._inverse_scale = inverse_scale.detach().clone()
        if infinite is not None:
            self.ledger.add(("", "infinite"), infinite.detach().double().sum())

    @unheard
    def _arrives(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None and unreadable(parameter.grad) is None:
            self._raw[id(parameter)] = _norm(parameter.grad)

    def before_update(self, optimizer: torch.optim.Optimizer) -> None:
        """A fused optimizer unscales by itself."""
        scale = getattr(optimizer, "grad_scale", None)
        if isinstance(scale, torch.Tensor):
            self.unscaled(scale.reciprocal())

    def after_update(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer has used the gradients."""
        seen = [(self._raw[id(p)], _norm(p.grad)) for p in _held(optimizer) if id(p) in self._raw]
        if not seen:
            return
        both = (torch.stack([n.double() for n in x]) for x in zip(*seen, strict=True))
        raw, used = (torch.dot(norms, norms) for norms in both)
        if self._inverse_scale is not None:
            raw = raw * self._inverse_scale.to(raw).square().sum()
            self.ledger.add(("", "scale"), self._inverse_scale.to(raw).reciprocal().sum())
        self.ledger.add(("", "clip"), used, raw)


def _held(optimizer: torch.optim.Optimizer) -> Iterator[nn.Parameter]:
    return (p for g in optimizer.param_groups for p in g["params"] if p.grad is not None)


def _norm(grad: torch.Tensor | None) -> torch.Tensor:
    """Return []: the norm of a gradient, judged by the same elements before and after clipping."""
    if grad is None:
        return torch.zeros(())
    own = plain(grad)
    values = flat(own)
    wide = torch.float64 if own.device.type != "mps" else torch.float32
    norm: torch.Tensor = torch.linalg.vector_norm(values, dtype=wide)
    return norm if values.numel() == own.numel() else norm * (own.numel() / values.numel()) ** 0.5
