"""What a trace says of each parameter, apart from its readings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gradcheck_cli.probe.anatomy import rows_identical
from gradcheck_cli.probe.ownership import Owner
from gradcheck_cli.probe.picking import is_lazy, plain, unreadable
from gradcheck_cli.records.trace import Parameter

Groups = Mapping[int, Mapping[str, Any]]  # an optimizer's settings by the id of a parameter


def groups(optimizers: Iterable[torch.optim.Optimizer]) -> Groups:
    """Return in which parameter group of an optimizer each parameter is."""
    return {id(p): g for o in optimizers for g in o.param_groups for p in g["params"]}


@dataclass(slots=True)
class ParameterBook:
    """What parameters were when they were first seen, and who holds them."""

    owners: list[Owner]
    names: dict[int, tuple[str, str]] = field(default_factory=dict)  # id -> name, layer
    _std: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for owner in self.owners:
            for name, parameter in owner.parameters.items():
                self.names[id(parameter)] = (name, owner.path)
        self.look()

    def look(self) -> None:
        """Note the spread of parameters not seen before; a lazy layer's appear with its first call."""
        for owner in self.owners:
            for parameter in owner.parameters.values():
                if id(parameter) not in self._std and unreadable(parameter) is None:
                    self._std[id(parameter)] = _std(parameter)

    def of(self, owner: Owner, held: Groups, reached: set[int]) -> tuple[Parameter, ...]:
        """Return all parameters of a layer, with what the optimizers do to them."""
        return tuple(
            self._parameter(n, p, held.get(id(p)), reached) for n, p in owner.parameters.items()
        )

    def _parameter(
        self, name: str, parameter: nn.Parameter, group: Mapping[str, Any] | None, reached: set[int]
    ) -> Parameter:
        rate = (group or {}).get("lr")
        readable = unreadable(parameter) is None
        return Parameter(
            name=name,
            shape=() if is_lazy(parameter) else tuple(parameter.shape),
            dtype=str(parameter.dtype).removeprefix("torch."),
            trainable=parameter.requires_grad,
            optimized=group is not None,
            reached=id(parameter) in reached or parameter.grad is not None,
            learning_rate=float(rate) if rate is not None else None,
            weight_decay=float((group or {}).get("weight_decay") or 0.0),
            std=self._std.get(id(parameter), 0.0),
            rows_identical=readable and rows_identical(plain(parameter)),
        )


def _std(parameter: nn.Parameter) -> float:
    value = plain(parameter)
    return float(value.float().std()) if value.numel() > 1 else 0.0


def is_adaptive(optimizer: torch.optim.Optimizer) -> bool:
    """Does the optimizer rescale each element, so that the size of a gradient hardly matters?"""
    states = list(optimizer.state.values())[:1]
    keys = set(states[0]) if states else set()
    return (
        bool(keys & {"exp_avg_sq", "square_avg", "sum", "exp_inf"})
        or type(optimizer).__name__ == "Lion"
    )
