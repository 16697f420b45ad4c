"""What a rule says: a measured number beside the limit it crossed, and where."""

from dataclasses import dataclass
from enum import StrEnum

from gradcheck_cli.records.trace import SourceSite

# What the first digit of a code says.
_ABOUT = "gradients, activations, weights, updates and loss, numbers, wiring, data, the loop"
HUNDREDS = dict(enumerate(_ABOUT.split(", "), 1))
MEASURING = "measuring"  # how the place of a crash begins that ended the measuring
FROM_A_PLUGIN = "plugin "  # how the place of a plugin's crash begins
A_PLUGINS_RULES = "gradcheck.rules"  # the group of its entry points, which that place names
WRAPPERS = ("module.", "_orig_mod.", "_fsdp_wrapped_module.")


class Severity(StrEnum):
    """How much it matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """3 for an error, 1 for a note."""
        return {"error": 3, "warning": 2, "note": 1}[self.value]


class Confidence(StrEnum):
    """How sure we are."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """3 for high, 1 for low."""
        return {"high": 3, "medium": 2, "low": 1}[self.value]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measured number and the limit it is compared with.

    Where `what` begins with `share`, the numbers are fractions of 1, shown as percentages.
    """

    what: str
    measured: float
    limit: float | None = None
    unit: str = ""

    @property
    def read_in(self) -> str:
        """The unit in which a person reads it."""
        return self.unit or ("share" if self.what.startswith("share ") else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong; `layers` in execution order, empty when it is the whole run."""

    code: str
    name: str
    severity: Severity
    confidence: Confidence
    message: str  # one sentence with the numbers in it
    layers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    first_step: int | None = None
    at: SourceSite | None = None
    subject: str | None = None  # with several models in one report: which one


def plain_path(path: str) -> str:
    """Return a layer's name without what wrappers put before it."""
    for wrapper in WRAPPERS:
        path = path.removeprefix(wrapper)
    return path


@dataclass(frozen=True, slots=True)
class Skip:
    """A rule that could not look, and why."""

    code: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Crash:
    """A rule, cause or remedy that raised, or a plugin that cannot be used; the others went on."""

    where: str
    traceback: str

    @property
    def said(self) -> str:
        """What failed, whose it is and the last line of why."""
        last = self.traceback.strip().splitlines()[-1:] or [""]
        return f"{self.where} failed, {self.blame}: {last[0]}"

    @property
    def is_ours(self) -> bool:
        """Is it a bug of gradcheck, and not of a plugin?"""
        return not self.where.startswith(FROM_A_PLUGIN)

    @property
    def ended_measuring(self) -> bool:
        """Was nothing measured from there on?"""
        return self.where.startswith(MEASURING)

    @property
    def is_unjudged(self) -> bool:
        """Did a rule of a plugin not look?"""
        return not self.is_ours and f"({A_PLUGINS_RULES})" in self.where

    @property
    def blame(self) -> str:
        """Whose it is."""
        return "a bug in gradcheck" if self.is_ours else "a broken plugin"
