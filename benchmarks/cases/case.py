"""What a case is: a training problem, what its author planted, and what was measured."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

Loss: TypeAlias = Callable[[Any, Any], Tensor]
Group: TypeAlias = Literal["vanishing", "healthy", "other"]
Half: TypeAlias = Literal[
    "development", "held-back", "fresh", "unseen", "later", "latest", "closing"
]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One training problem, complete: the same seed gives the same run."""

    model: Callable[[], nn.Module]
    source: Callable[[], Dataset[Any]]
    optimizer: Callable[[nn.Module], Optimizer]
    loss: Loss | None = None  # None: the model's output carries `.loss`
    batch_size: int = 32
    steps: int = 300  # how long the ground truth is trained
    seed: int = 0
    name: str = ""

    @property
    def data(self) -> Dataset[Any]:
        """The training data."""
        return self.source()

    def build(self, seed: int | None = None) -> nn.Module:
        """Return a fresh model; the seed fixes its weights."""
        torch.manual_seed(self.seed if seed is None else seed)
        return self.model()

    def batches(self, seed: int | None = None) -> Iterator[Any]:
        """Yield shuffled batches without end."""
        order = torch.Generator().manual_seed(self.seed if seed is None else seed)
        while True:
            yield from DataLoader(self.data, self.batch_size, shuffle=True, generator=order)

    def loss_of(self, model: nn.Module, batch: Any) -> tuple[Tensor, Any]:
        """Return the loss of one batch and the model's output."""
        output = model(**batch) if isinstance(batch, Mapping) else model(*batch[:-1])
        if self.loss is None:
            return output["loss"], output
        return self.loss(output, batch[-1]), output


@dataclass(frozen=True, kw_only=True)
class Case:
    """A problem, what was planted in it, and the label that measurement gave it."""

    name: str
    group: Group  # planted
    finding: str  # planted; "none" when healthy
    cause: str  # planted; "none" when healthy
    recipe: Problem
    cure: Problem | None  # differs from the recipe in the fix only
    label: str = "unlabelled"  # measured: vanishing, healthy, other:<finding> or ambiguous
    apart: Literal["", "fresh", "unseen", "later", "latest", "closing"] = (
        ""  # from a set that the judge was not written from
    )

    @property
    def half(self) -> Half:
        """Which part of the bank it belongs to: where not from a set apart, by its name alone."""
        if self.apart:
            return self.apart
        odd = hashlib.sha256(self.name.encode()).digest()[0] % 2
        return "held-back" if odd else "development"

    @property
    def scored(self) -> bool:
        """Whether the measured evidence is clear enough to score a verdict against."""
        return self.label not in {"ambiguous", "unlabelled"}

    def problem(self, seed: int = 0) -> Problem:
        """Return the problem for one seed."""
        return replace(self.recipe, seed=seed, name=self.name)

    def cured(self, seed: int = 0) -> Problem | None:
        """Return the problem with the known fix, or None where nothing was planted."""
        return self.cure and replace(self.cure, seed=seed, name=f"{self.name}+cure")


def on(
    source: Callable[[], Dataset[Any]],
    model: Callable[[], nn.Module],
    optimizer: Callable[[nn.Module], Optimizer],
    **more: Any,
) -> Problem:
    """A classifier of some source, unless another loss is given."""
    more = {"loss": functional.cross_entropy, **more}
    return Problem(source=source, model=model, optimizer=optimizer, **more)


def briefly(*parts: Any, **more: Any) -> Problem:
    """The same, where 200 steps show the truth."""
    return on(*parts, **{"steps": 200, **more})


def healthy(name: str, recipe: Problem) -> Case:
    """A case with nothing planted."""
    return Case(name=name, group="healthy", finding="none", cause="none", recipe=recipe, cure=None)


def vanishing(name: str, recipe: Problem, **cure: Any) -> Case:
    """A case with a planted vanishing gradient; `cure` are the fields the fix changes."""
    return other(name, "vanishing-gradient", recipe, **cure)


def other(name: str, finding: str, recipe: Problem, **cure: Any) -> Case:
    """A case with another planted disease; `cure` are the fields the fix changes."""
    return Case(
        name=name,
        group="vanishing" if finding == "vanishing-gradient" else "other",
        finding=finding,
        cause="",
        recipe=recipe,
        cure=replace(recipe, **cure),
    )


def caused(cause: str, cases: Iterable[Case]) -> tuple[Case, ...]:
    """Say what was planted in some cases."""
    return tuple(replace(case, cause=cause) for case in cases)
