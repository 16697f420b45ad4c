"""Why it is wrong and what would help."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gradcheck_cli.records.trace import SourceSite

RERUN = "re-run"  # how arms are made where the script is run again
DECLINED = "declined with --no-verify"
UNTRIED = "no steps were recorded to try it on: run --verify and watch(verify=True) record them, diagnose does too"


class Basis(StrEnum):
    """What a cause rests on, the firmest first."""

    FACT = "fact"  # it is so: a call, a shape, a setting that was seen
    EXPERIMENT = "experiment"  # changing it brings back what was lost
    SIGNS = "signs"  # measurements that fit it, and may fit others: a possible cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A ranked explanation; `reasons` are sentences with checkable numbers.

    `score` in 0..1 is 1 for a fact, the share that an experiment brings back, and less for signs.
    """

    name: str
    explains: tuple[str, ...]  # codes of findings
    score: float
    reasons: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    first_layer: str | None = None  # where the signal is lost
    at: SourceSite | None = None
    distinguish: str = ""  # the experiment that would tell it from its rivals; none where one did
    basis: Basis = Basis.SIGNS
    rivals: tuple[str, ...] = ()  # causes whose experiments bring back as much


class Status(StrEnum):
    """What a controlled re-run said about a fix."""

    VERIFIED = "verified"
    HELPS_PARTLY = "helps-partly"
    INEFFECTIVE = "ineffective"
    HARMFUL = "harmful"
    NOT_RUN = "not-run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """The loss curves of one arm of an experiment, one list per seed."""

    name: str  # control | sham | treated
    curves: tuple[tuple[float, ...], ...] = ()
    held_out: tuple[float, ...] = ()  # loss on held-out batches at the end, one per seed
    findings: tuple[str, ...] = ()  # names of findings left at the end
    steps: tuple[int, ...] = ()  # that each curve covers; a long one is kept as means of neighbors


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The outcome of re-running with one change beside an unchanged and a re-initialized control."""

    status: Status = Status.NOT_RUN
    reason: str = ""
    effect: float | None = (
        None  # relative fall of held-out loss against the better of control and sham
    )
    spread: float | None = None  # of that effect over seeds
    steps: int = 0
    seeds: tuple[int, ...] = ()
    seconds: float = 0.0
    new_findings: tuple[str, ...] = ()
    made: str = ""  # how the arms were made: built | replayed | re-run
    arms: tuple[Arm, ...] = ()

    @property
    def compared(self) -> str:
        """Which loss of the arms is compared; a script that is run again holds nothing out."""
        return "loss of the last steps" if self.made == RERUN else "held-out loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """A proposed change, with the code to write for this model."""

    name: str
    treats: str  # the cause
    risk: str  # safe | review
    summary: str  # what changes, in this model's names
    why: str
    cost: str = ""
    code: str = ""
    at: SourceSite | None = None
    layers: tuple[str, ...] = ()
    diff: str = ""  # of the user's source
    unwritten: str = ""  # why there is no diff, where one was looked for
    verification: Verification = field(default_factory=Verification)

    @property
    def proven(self) -> bool:
        """Did it do better than both controls?"""
        return self.verification.status is Status.VERIFIED

    @property
    def failed(self) -> bool:
        """Was it tried, and did not help?"""
        return self.verification.status in {Status.INEFFECTIVE, Status.HARMFUL}

    @property
    def unasked(self) -> bool:
        """Was it not tried because nobody asked for it, rather than because it cannot be?"""
        return self.verification.reason in {DECLINED, UNTRIED}


def leading(fixes: Sequence[Fix]) -> Fix | None:
    """Return the fix to make: the best proven one that can be written, else the first."""
    written = next((fix for fix in fixes if fix.proven and fix.diff), None)
    return written or next(iter(fixes), None)


FORMER_NAMES = {  # of fixes, in reports before 0.2
    "close-branches": "zero-init-residual",
    "gate-recurrence": "replace-recurrence",
    "guard-slope": "safe-gradient",
    "initialise": "initialize",
    "initialise-on-data": "initialize-on-data",
    "initialise-orthogonally": "initialize-orthogonally",
    "initialise-recurrence": "initialize-recurrence",
    "insert-normalisation": "insert-normalization",
    "open-gates": "gate-bias-init",
    "optimise-all-parameters": "optimize-all-parameters",
    "standardise-inputs": "standardize-inputs",
    "standardise-targets": "standardize-targets",
}


def current_name(fix: str) -> str:
    """Return what a fix is called now."""
    return FORMER_NAMES.get(fix, fix)
