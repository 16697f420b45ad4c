"""What a remedy is: a function that reads a case and drafts changes; its docstring is its card.

A remedy never touches the model of the case. It drafts `Change`s, which are applied to trainings
that are built afresh, so that every claim can be tried beside an untouched control.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from torch import nn

from gradcheck_cli.records.diagnosis import Cause, Fix
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.trace import Layer, SourceSite, Trace
from gradcheck_cli.remedies.cards import sections
from gradcheck_cli.remedies.edits import Edit
from gradcheck_cli.targets.change import Change
from gradcheck_cli.targets.training import Training

if TYPE_CHECKING:
    from gradcheck_cli.remedies.patching.patch import Patch

SAFE = "safe"  # keeps what the model computes in principle; may be applied unasked
REVIEW = "review"  # changes the architecture or the meaning of the training
# What of the training is changed: two fixes of one part are never combined.
Part = Literal[
    "activation",
    "all",
    "clip",
    "code",
    "data",
    "decay",
    "direction",
    "dropout",
    "initialization",
    "inputs",
    "loop",
    "loss",
    "normalization",
    "output",
    "precision",
    "rate",
    "recurrence",
    "schedule",
    "skips",
    "wiring",
]


@dataclass(frozen=True, slots=True)
class Case:
    """One suspected cause in one observed training."""

    training: Training
    trace: Trace
    cause: Cause
    findings: tuple[Finding, ...] = ()

    @property
    def model(self) -> nn.Module:
        """The model that was observed: to be read, not to be changed."""
        return self.training.model

    def module(self, layer: Layer) -> nn.Module | None:
        """Return the module behind a traced layer; None for functional calls and lost names."""
        try:
            return self.model.get_submodule(layer.path)
        except (AttributeError, RuntimeError):  # TorchScript refuses to be looked into
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One concrete change a remedy suggests; without `change` it is advice that needs a person."""

    summary: str
    code: str = ""
    change: Change | None = None
    why: str = ""  # in addition to the card's reason
    cannot: str = ""  # why it cannot be tried in memory, or not be compared
    layers: tuple[str, ...] = ()
    at: SourceSite | None = None  # else where the first of the layers was built
    size: int = 1  # how much it changes: 1 a number, 2 weights, 3 modules, 4 the architecture
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A fix to show and the change that tries it; `part` is what of the training it replaces."""

    fix: Fix
    change: Change | None = None
    cannot: str = ""
    part: str = ""
    size: int = 1
    score: float = 0.0  # of the cause it treats
    edits: tuple[Edit, ...] = field(default=())
    patch: "Patch | None" = None  # that writes it

    @property
    def is_tried(self) -> bool:
        """Can the change be made in memory, and is what comes of it comparable?"""
        return self.change is not None and not self.cannot


def _here(cause: Cause) -> str:
    """Say what was measured in this training that speaks for the cause, and from which layer on."""
    if not cause.reasons:
        return ""
    said, first = cause.reasons[0].rstrip("."), cause.first_layer
    place = f", first at layer {first}" if first and first not in said else ""
    return f"In this training: {said}{place}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A named way to treat some causes."""

    name: str
    treats: tuple[str, ...]
    risk: str
    part: str
    card: str
    draft: Callable[[Case], Iterable[Draft]]

    def propose(self, case: Case) -> Iterator[Proposal]:
        """Dress the remedy's drafts with what its card says."""
        said = sections(self.card)
        for draft in self.draft(case):
            why = " ".join(filter(None, (_here(case.cause), said["Works because"], draft.why)))
            fix = Fix(
                name=self.name,
                treats=case.cause.name,
                risk=self.risk,
                summary=draft.summary,
                why=why,
                cost=said["Costs"],
                code=draft.code,
                at=draft.at or case.trace.built_at(draft.layers),
                layers=draft.layers,
            )
            yield Proposal(
                fix=fix,
                change=draft.change,
                cannot=draft.cannot,
                part=self.part,
                size=draft.size,
                score=case.cause.score,
                edits=draft.edits,
            )


def remedy(
    name: str, *, treats: tuple[str, ...], risk: str, part: Part
) -> Callable[[Callable[[Case], Iterable[Draft]]], Remedy]:
    """Make a drafting function, with its module's docstring as the card, into a remedy."""

    def dress(draft: Callable[[Case], Iterable[Draft]]) -> Remedy:
        module = inspect.getmodule(draft)
        card = inspect.cleandoc((module.__doc__ if module else None) or "")
        return Remedy(name=name, treats=treats, risk=risk, part=part, card=card, draft=draft)

    return dress
