"""Readings of parameters around an optimizer step: weight, gradient, true update."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gradcheck_cli.probe.gauges import Ledger, local, sample, sums
from gradcheck_cli.probe.ownership import Owner

_FEW = (
    1_024  # elements kept from step to step, to compare gradients and to measure distance travelled
)


@dataclass(slots=True)
class Memory:
    """What is kept of one parameter between steps, on its device."""

    start: torch.Tensor
    before: torch.Tensor | None = None
    last_grad: torch.Tensor | None = None


@dataclass(slots=True)
class WeightWatch:
    """Reads every parameter that an optimizer steps."""

    owners: list[Owner]
    ledger: Ledger
    memory: dict[int, Memory] = field(default_factory=dict)
    reached: set[int] = field(default_factory=set)
    _home: dict[int, tuple[str, nn.Parameter]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for owner in self.owners:
            for parameter in owner.parameters.values():
                self._home[id(parameter)] = (owner.path, parameter)
                self.memory[id(parameter)] = Memory(sample(parameter, _FEW).clone())

    def before(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer is about to step: keep what the weights are."""
        for parameter in _parameters(optimizer):
            known = self.memory.get(id(parameter))
            if known is not None:
                known.before = sample(parameter).clone()

    def after(self, optimizer: torch.optim.Optimizer) -> None:
        """The optimizer has stepped: gradients are as it used them, updates are real."""
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                home = self._home.get(id(parameter))
                if home is not None and parameter.grad is not None:
                    self.reached.add(id(parameter))
                    self._read(home[0], parameter, optimizer.state.get(parameter, {}), group)

    def _read(self, path: str, parameter: nn.Parameter, state: Any, group: dict[str, Any]) -> None:
        memory = self.memory[id(parameter)]
        grad = parameter.grad
        assert grad is not None
        if parameter.dim() < 2:
            self.ledger.read((path, "bias_grad"), grad)
            return
        self.ledger.read((path, "weight"), parameter)
        self.ledger.read((path, "weight_grad"), grad)
        self._update(path, parameter, grad, memory)
        few = sample(grad, _FEW).double()
        if memory.last_grad is not None and memory.last_grad.shape == few.shape:
            last = memory.last_grad
            norms = torch.linalg.vector_norm(few) * torch.linalg.vector_norm(last)
            self.ledger.add((path, "agreement"), torch.stack([few @ last, norms]))
        memory.last_grad = few.clone()
        second = next((state[k] for k in ("exp_avg_sq", "square_avg", "sum") if k in state), None)
        if isinstance(second, torch.Tensor) and "eps" in group and local(second).numel():
            root = sample(second, _FEW).double().sqrt().median()
            self.ledger.add((path, "second"), torch.stack([root, root.new_tensor(group["eps"])]))

    def _update(
        self, path: str, parameter: nn.Parameter, grad: torch.Tensor, memory: Memory
    ) -> None:
        if memory.before is None:
            return
        now = sample(parameter)
        change = now - memory.before
        self.ledger.add((path, "update"), sums(change), change.numel(), local(parameter).numel())
        if not grad.is_sparse:
            stuck = (change == 0) & (sample(grad) != 0)
            share = torch.stack(
                [stuck.sum().double(), torch.tensor(float(change.numel()), device=change.device)]
            )
            self.ledger.add((path, "lost"), share)
        few, start = sample(parameter, _FEW).double(), memory.start.double()
        self.ledger.add(
            (path, "travelled"), torch.stack([((few - start) ** 2).sum(), (start**2).sum()])
        )
        memory.before = None


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    return [p for group in optimizer.param_groups for p in group["params"]]
