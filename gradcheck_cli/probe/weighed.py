"""Numbers that weigh samples, in a shape in which each sample is weighed by those of all: [N] times [N, 1]."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch

from gradcheck_cli.probe.hooking import on_gradient, unheard
from gradcheck_cli.probe.picking import unreadable
from gradcheck_cli.probe.sites import user_site
from gradcheck_cli.records.loop import Habit, Kind
from gradcheck_cli.records.site import SourceSite

_ALIKE = 1e-3  # relative spread of a gradient that counts as equal


@dataclass(slots=True)
class Weighing:
    """A product [N, N] of one number per sample that carries a gradient and one that carries none."""

    weights: torch.Tensor
    at: SourceSite | None
    gradient: torch.Tensor | None = None  # of all products with these weights

    def arrives(self, gradient: torch.Tensor) -> None:
        """A gradient has come to one of the products."""
        if unreadable(gradient) is None:
            so_far = 0.0 if self.gradient is None else self.gradient
            self.gradient = gradient.detach().double() + so_far

    @property
    def splits(self) -> bool:
        """Is the loss a sum over samples times a sum over weights? A loss of pairs has a gradient for each pair."""
        gradient, weights = self.gradient, self.weights
        if gradient is None or unreadable(weights) is not None:
            return False
        most = _ALIKE * float(gradient.abs().max())
        spreads = (float((gradient - g).abs().max()) for g in (gradient[:1], gradient[:, :1]))
        return most > 0 and min(spreads) <= most and bool((weights != weights.flatten()[0]).any())


@dataclass(slots=True)
class Weighings:
    """Those of one step."""

    found: list[Weighing] = field(default_factory=list)

    def saw(self, given: list[torch.Tensor], result: torch.Tensor) -> None:
        """Two tensors were multiplied or divided, outside of all modules."""
        carriers = [t for t in given if t.requires_grad]
        weights = [t for t in given if not t.requires_grad]
        samples = max(t.numel() for t in given)
        shapes = {tuple(t.shape) for t in given}
        if len(carriers) != 1 or len(weights) != 1 or samples < 2:
            return
        if shapes != {(samples,), (samples, 1)} or unreadable(result) is not None:
            return
        same = (w for w in self.found if torch.equal(w.weights, weights[0]))  # -advantages, twice
        if (weighing := next(same, None)) is None:
            self.found.append(weighing := Weighing(weights[0], user_site()))
        on_gradient(result, unheard(partial(Weighing.arrives, weighing)))


@dataclass(slots=True)
class WeighedByAll:
    """Counts inspected steps that weigh so, of those that make such a product."""

    seen: int = 0
    times: int = 0
    last: Weighing | None = None

    def saw(self, step: Iterable[Weighing]) -> None:
        """An inspected step has ended."""
        reached = [w for w in step if w.gradient is not None]
        split = [w for w in reached if w.splits]
        self.seen += bool(reached)
        self.times += bool(reached) and len(split) == len(reached)
        if split:
            self.last = Weighing(split[0].weights.detach(), split[0].at)

    def habits(self) -> Iterator[Habit]:
        """Say what was counted."""
        if self.last is not None:
            shape = self.last.weights.shape
            yield Habit(
                kind=Kind.WEIGHED_BY_ALL,
                times=self.times,
                of=self.seen,
                at=self.last.at,
                numbers={"samples": float(shape[0]), "column": float(len(shape) > 1)},
            )
