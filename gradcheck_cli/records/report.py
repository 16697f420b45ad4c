"""Everything one run has to say: the waist between judging and telling."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gradcheck_cli.records.diagnosis import Cause, Fix
from gradcheck_cli.records.examination import Answer
from gradcheck_cli.records.finding import Crash, Finding, Severity, Skip
from gradcheck_cli.records.trace import Gap


class Verdict(StrEnum):
    """The answer in one word."""

    SICK = "sick"
    HEALTHY = "healthy"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary:
    """One row of the picture; numbers are medians over the last third of the observed steps."""

    path: str
    kind: str
    role: str
    order: int
    depth: int | None = None
    numel: int = 0
    activation: str | None = None
    built_at: str | None = None
    gradient: float | None = None  # rms of the weight gradient
    gradient_zero: float | None = None  # share of exact zeros in it
    arriving: float | None = None  # rms of the gradient at its output
    weight: float | None = None  # norm
    update: float | None = None  # norm(change) / norm(weight) per step
    spread: float | None = None
    dead: float | None = None
    saturated: float | None = None
    sensitivity: float | None = (
        None  # norm(weight) * norm(gradient), relative to the strongest layer
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCurve:
    """The loss of one of several trainings beside each other."""

    name: str = ""  # the model that it trains, and where its backward pass begins
    words: str = ""  # its numbers
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Per-layer curves for pictures: `series[quantity][path]` has one value per entry of `steps`."""

    steps: tuple[int, ...] = ()
    series: Mapping[str, Mapping[str, tuple[float | None, ...]]] = field(default_factory=dict)
    loss_steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    beside: tuple[LossCurve, ...] = ()  # of all trainings, where there are several


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSummary:
    """The loss in the numbers from which all sentences about it are made."""

    state: str = "unknown"
    of: str = "the loss"  # or the part of it that compares outputs with targets
    start: float | None = None  # median of the first three steps
    end: float | None = None  # median of the last quarter
    reference: float | None = None  # loss of the best constant prediction
    surrogate: str = ""  # why its size tells nothing
    words: str = ""  # the numbers beside its curve


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Under which circumstances it was measured. Only `started` and `seconds` differ between equal runs."""

    command: str = ""
    model: str = ""
    data: str = ""
    loss: str = ""
    optimizer: str = ""
    device: str = "cpu"
    precision: str = "float32"
    seed: int = 0
    steps: int = 0
    observed_steps: int = 0
    parameters: int = 0
    world_size: int = 1
    batch_size: int | None = None
    gradcheck: str = ""
    torch: str = ""
    python: str = ""
    started: str = ""
    seconds: float = 0.0
    interrupted: bool = False
    stopped: str = ""  # why it ended before the steps that were asked for, other than by Ctrl-C


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run has to say. Findings are sorted by severity, mistakes of the loop first, then by code."""

    verdict: Verdict
    headline: str
    findings: tuple[Finding, ...] = ()
    causes: tuple[Cause, ...] = ()
    fixes: tuple[Fix, ...] = ()
    examination: tuple[Answer, ...] = ()  # what was tried on the training, and what it answered
    passed: tuple[str, ...] = ()  # names of rules that looked and found nothing
    skipped: tuple[Skip, ...] = ()
    crashed: tuple[Crash, ...] = ()
    assumptions: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    next_steps: tuple[str, ...] = ()
    run: RunFacts = field(default_factory=RunFacts)
    layers: tuple[LayerSummary, ...] = ()
    loss: LossSummary = field(default_factory=LossSummary)
    history: History = field(default_factory=History)

    @property
    def worst(self) -> Severity | None:
        """The gravest severity among the findings."""
        return max((f.severity for f in self.findings), key=lambda s: s.rank, default=None)

    def fails(self, gate: Severity | None) -> bool:
        """Is there a finding at or above `gate`? None is never."""
        return gate is not None and any(f.severity.rank >= gate.rank for f in self.findings)
