"""Which way a policy's loss moves the choices that were made: with the numbers they are weighed by, or against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import nn

from gradcheck_cli.ops import KEEP, LEAVING, PICKS
from gradcheck_cli.probe.losses import LossCall
from gradcheck_cli.probe.sites import is_asked_by

_NEGATIONS = frozenset({"neg", "negative", "__neg__"})
_PRODUCTS = frozenset({"mul", "__mul__", "__rmul__", "multiply"})
_OF_VALUES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
_FOLLOWED = KEEP | {"long", "int", "broadcast_tensors"}  # what comes out is the same choice
_PICKS = PICKS | {"__getitem__"}
_READS = LEAVING | {"item", "__int__", "__index__", "__bool__", "__float__", "equal"}
FEWEST = 3  # steps
MOST = 100_000  # choices of a step that are looked at


@dataclass(slots=True)
class Draws:
    """Choices that were drawn in one step, and those of which more was asked than their log-probability."""

    read: set[int] = field(default_factory=set)
    _of: dict[int, tuple[torch.Tensor, int]] = field(default_factory=dict)  # by id of the tensor

    def of(self, tensor: torch.Tensor) -> int | None:
        """Return which draw this is, if it is one."""
        known = self._of.get(id(tensor))
        return None if known is None else known[1]

    def saw(self, name: str, given: list[torch.Tensor], result: Any) -> None:
        """A call returned."""
        if name == "multinomial":
            self._of[id(result)] = result, len(self._of)
            return
        known = [n for t in given if (n := self.of(t)) is not None] if self._of else []
        if not known or is_asked_by("torch.distributions.constraints"):  # are they in its range?
            return
        if self.of(given[0]) is not None and name in _FOLLOWED:
            for before, after in zip(
                given, result if isinstance(result, tuple | list) else (result,), strict=False
            ):
                if (number := self.of(before)) is not None:
                    self._of[id(after)] = after, number
        elif name in _PICKS and given[0].requires_grad and not isinstance(given[0], nn.Parameter):
            return
        elif isinstance(result, torch.Tensor) or name in _READS:
            self.read |= {*known}


@dataclass(slots=True)
class Weights:
    """The numbers of one step that log-probabilities of choices are multiplied by.

    A minus before the numbers themselves is taken back: it belongs to the loss.
    """

    numbers: list[torch.Tensor] = field(default_factory=list)
    draws: Draws = field(default_factory=Draws)
    # of picked log-probabilities, by id
    _made: dict[int, torch.Tensor] = field(default_factory=dict)
    _negated: dict[int, torch.Tensor] = field(default_factory=dict)  # data behind a minus

    def picked(self, tensor: torch.Tensor) -> None:
        """These are log-probabilities, or chances, of choices."""
        self._made[id(tensor)] = tensor

    def saw(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        """A call returned."""
        if not isinstance(result, torch.Tensor):
            return
        if name in _NEGATIONS and not result.requires_grad:
            self._negated[id(result)] = result
        if not self._made or not result.requires_grad:
            return
        flat = [x for a in args for x in (a if isinstance(a, list | tuple) else (a,))]
        ours = [x for x in flat if id(x) in self._made]
        if not ours:
            return
        others = [x for x in args if all(x is not one for one in ours)]
        if name in _PRODUCTS and len(others) == 1 and self._weighed(others[0], ours[0]):
            return
        self._made[id(result)] = result

    def _weighed(self, weight: Any, chosen: torch.Tensor) -> bool:
        """Note the weights, if these are some: one for each choice, or one for a single choice."""
        if isinstance(weight, int | float):
            weight = torch.tensor(float(weight))
        known = isinstance(weight, torch.Tensor) and not weight.requires_grad
        if not known or weight.numel() not in {1, chosen.numel()}:
            return False
        if weight.numel() == 1 < chosen.numel():
            return False  # a factor of all, such as a coefficient
        sign = -1.0 if id(weight) in self._negated else 1.0
        self.numbers.append(sign * weight.detach().double().flatten())
        return True


@dataclass(slots=True)
class Directions:
    """Over the steps: do choices with large weights become more likely, and those that went better than expected?"""

    by_weights: list[float] = field(default_factory=list)
    by_values: list[float] = field(default_factory=list)
    looked: int = 0  # steps with choices; of them:
    idle: int = 0  # in which nothing but the log-probability of any choice was asked for

    def look(self, calls: Sequence[LossCall], weights: Weights) -> None:
        """Look at one step, after its backward pass."""
        drawn = [c.draw for c in calls if c.chosen and c.reached]
        self.looked += bool(drawn)
        self.idle += bool(drawn) and not {*drawn} & {None, *weights.draws.read}
        pushes = [c.push for c in calls if c.chosen and c.push is not None]
        if not pushes:
            return
        push = torch.cat(pushes)[:MOST]
        gone = [
            (target.double() - output.double()).flatten()
            for c in calls
            if c.kind in _OF_VALUES and c.coefficient is not None
            if (output := c.output) is not None and (target := c.target) is not None
            if output.is_floating_point() and target.is_floating_point()
            if output.numel() == target.numel()
        ]
        for numbers, kept in ((weights.numbers, self.by_weights), (gone, self.by_values)):
            together = torch.cat(numbers)[:MOST] if numbers else push[:0]
            if push.numel() and together.numel() and together.numel() % push.numel() == 0:
                size = float(push.norm() * together[: push.numel()].norm())
                if size > 0:
                    kept.append(float(push @ together[: push.numel()]) / size)

    @property
    def redrawn(self) -> bool:
        """Are choices drawn for their log-probabilities alone, so that others were made?"""
        return self.idle >= FEWEST and self.idle > self.looked / 2

    @property
    def weights(self) -> float | None:
        """Return the median cosine with the weights; None in too few steps."""
        return median(self.by_weights) if len(self.by_weights) >= FEWEST else None

    @property
    def values(self) -> float | None:
        """Return the median cosine with what came above the estimate of values."""
        return median(self.by_values) if len(self.by_values) >= FEWEST else None
