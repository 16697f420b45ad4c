"""What changed from one report to another."""

from dataclasses import dataclass

from gradcheck_cli.records.finding import Finding, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A finding that a baseline holds: what it was and how bad."""

    code: str
    name: str
    severity: Severity
    layers: tuple[str, ...] = ()
    subject: str | None = None
    excess: float | None = None  # decades beyond the limit, of the worst evidence


@dataclass(frozen=True, slots=True)
class Pair:
    """A finding now, and what it was before."""

    now: Finding
    before: Accepted
    why: str = ""  # in which way it changed; empty where it did not


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from one report to another."""

    new: tuple[Finding, ...] = ()
    worse: tuple[Pair, ...] = ()
    better: tuple[Pair, ...] = ()
    same: tuple[Pair, ...] = ()
    gone: tuple[Accepted, ...] = ()

    @property
    def regressed(self) -> tuple[Finding, ...]:
        """The findings that a gate must look at."""
        return (*self.new, *(pair.now for pair in self.worse))
