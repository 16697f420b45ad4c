"""Readings of parameters around an optimizer step: weight, gradient, true update."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from gradcheck_cli.probe.gauges import Ledger
from gradcheck_cli.probe.ownership import Owner
from gradcheck_cli.probe.picking import flat, local, plain, unreadable
from gradcheck_cli.targets.optimizers import held_by

_FEW = 1_024  # elements kept to compare gradients and to measure distance


@dataclass(slots=True)
class Memory:
    """What is kept of one parameter between steps, on its device."""

    start: torch.Tensor
    before: torch.Tensor | None = None
    last_grad: torch.Tensor | None = None
    last_square: torch.Tensor | None = None


@dataclass(slots=True)
class WeightWatch:
    """Reads every parameter that an optimizer steps."""

    owners: list[Owner]
    ledger: Ledger
    miss: Callable[[str, str], None]  # notes what could not be measured, and why
    closely: bool = False  # also what changes slowly: the distance traveled
    memory: dict[int, Memory] = field(default_factory=dict)
    reached: set[int] = field(default_factory=set)
    _home: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for owner in self.owners:
            for parameter in owner.parameters.values():
                self._home[id(parameter)] = owner.path
                self._remember(parameter)

    def _remember(self, parameter: nn.Parameter) -> None:
        """Keep what a parameter was at the start; a lazy one's start is its first update."""
        if id(parameter) not in self.memory and unreadable(parameter) is None:
            self.memory[id(parameter)] = Memory(flat(plain(parameter), _FEW).clone())

    def before(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer is about to step: keep what the weights are."""
        for parameter in held_by(optimizer):
            if id(parameter) in self._home:
                self._remember(parameter)
            known = self.memory.get(id(parameter))
            if known is None or parameter.dim() < 2 or not parameter.requires_grad:
                continue
            values = flat(plain(parameter))
            if known.before is None or known.before.shape != values.shape:
                known.before = values.clone()
            else:
                known.before.copy_(values)

    def after(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer has stepped: gradients are as it used them, updates are real."""
        kept: Mapping[int, torch.Tensor] = getattr(optimizer, "grads", {})  # of an update by hand
        for parameter in held_by(optimizer):
            path = self._home.get(id(parameter))
            grad = kept.get(id(parameter), parameter.grad)
            if path is None or grad is None:
                continue
            self.reached.add(id(parameter))
            reason = unreadable(parameter) or unreadable(grad)
            if reason is not None or id(parameter) not in self.memory:
                self.miss(f"weights of {path}", reason or "they came after its first update")
            elif parameter.dim() < 2:
                self.ledger.read((path, "bias_grad"), grad)
            else:
                self._read(path, parameter, grad)

    def _read(self, path: str, parameter: nn.Parameter, grad: torch.Tensor) -> None:
        memory = self.memory[id(parameter)]
        dense = local(grad).layout is torch.strided
        own, used = plain(parameter), plain(grad) if dense else grad
        now, before = flat(own), memory.before
        self.ledger.read((path, "weight"), own)
        self.ledger.read((path, "weight_grad"), used, room=2)
        if before is not None and before.shape == now.shape:
            lost = (path, "lost") if used.shape == own.shape else None
            self.ledger.read_change((path, "update"), now, before, own.numel(), lost)
        if dense:
            self._agreement(path, flat(used, _FEW), memory)
        if self.closely:
            self._distance(path, flat(own, _FEW), memory)

    def _distance(self, path: str, few: torch.Tensor, memory: Memory) -> None:
        if few.shape == memory.start.shape:
            start = memory.start.double()
            apart = few.double() - start
            self.ledger.add((path, "traveled"), torch.dot(apart, apart), torch.dot(start, start))

    def _agreement(self, path: str, grad: torch.Tensor, memory: Memory) -> None:
        now = grad.double()
        square = torch.dot(now, now)
        last, last_square = memory.last_grad, memory.last_square
        if last is not None and last_square is not None and last.shape == now.shape:
            self.ledger.add((path, "agreement"), torch.dot(now, last), square, last_square)
        memory.last_grad, memory.last_square = now, square
