"""The settings of an optimizer in each recorded step: learning rate, momentum, weight decay, and others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gradcheck_cli.replay.values import mapped
from gradcheck_cli.targets.optimizers import configured

Group = dict[str, Any]
Edit = Callable[[torch.optim.Optimizer], None]


@dataclass(slots=True)
class Settings:
    """The settings of every step, and how a change differs from them.

    Steps beyond the last one keep its settings. A number that the change multiplied is multiplied in
    every step, so that a schedule stays a schedule; anything else is set.
    """

    recorded: Sequence[Sequence[Group]]
    factors: list[Group] = field(default_factory=list)  # for each group
    fixed: list[Group] = field(default_factory=list)
    added: list[Group] = field(default_factory=list)  # settings of groups that were not recorded
    reference: int = 0
    warm_up: int | None = None
    is_steady: bool = False  # the rate is what was configured, whatever a schedule made of it

    def apply(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Give the optimizer the settings of a step."""
        if not self.recorded:
            return
        groups = self.recorded[min(step, len(self.recorded) - 1)]
        for index, group in enumerate(optimizer.param_groups):
            if index < len(groups):
                group.update(_fresh(groups[index]))
                if self.is_steady and "lr" in group:
                    group["lr"] = max(configured(recorded[index]) for recorded in self.recorded)
                self._edit(group, index)
            else:
                self._follow(group, groups[0], index - len(groups))
            if self.warm_up is not None and "lr" in group:
                group["lr"] = group["lr"] * min(1.0, (step + 1) / self.warm_up)

    def _edit(self, group: Group, index: int) -> None:
        if index < len(self.fixed):
            group.update(_fresh(self.fixed[index]))
            for key, factor in self.factors[index].items():
                group[key] = group[key] * factor

    def _follow(self, group: Group, first: Group, index: int) -> None:
        """Let the rate of an added group rise and fall with that of the first."""
        if index < len(self.added):
            group.update(_fresh(self.added[index]))
            peak = float(self.recorded[self.reference][0].get("lr", 0.0))
            if peak and "lr" in group:
                group["lr"] = group["lr"] * float(first["lr"]) / peak

    def learn(self, optimizer: torch.optim.Optimizer, edit: Edit) -> None:
        """Find out what an edit does, at the step with the largest rate."""
        rates = [float(groups[0].get("lr", 0.0)) for groups in self.recorded]
        self.reference = max(range(len(rates)), key=rates.__getitem__) if rates else 0
        warm_up, self.warm_up = self.warm_up, None
        self.apply(optimizer, self.reference)
        known = len(self.recorded[self.reference]) if self.recorded else len(optimizer.param_groups)
        before = [_of(group) for group in optimizer.param_groups[:known]]
        edit(optimizer)
        after = [_of(group) for group in optimizer.param_groups[:known]]
        self.factors = [_factors(*pair) for pair in zip(before, after, strict=True)]
        self.fixed = [
            {k: v for k, v in new.items() if _differs(old.get(k), v) and k not in factors}
            for old, new, factors in zip(before, after, self.factors, strict=True)
        ]
        self.added = [_of(group) for group in optimizer.param_groups[known:]]
        self.warm_up = warm_up


def _of(group: Group) -> Group:
    return {key: value for key, value in group.items() if key != "params"}


def _fresh(group: Group) -> Group:
    return {key: mapped(value, _clone) for key, value in group.items()}


def _clone(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _factors(before: Group, after: Group) -> Group:
    return {
        key: after[key] / value
        for key, value in before.items()
        if _is_number(value) and value and _is_number(after.get(key)) and after[key] != value
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, Tensor) and value.is_floating_point())


def _differs(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return one is not other
    return bool(one != other)
