"""Count right and wrong: what was said of each case against its label and its evidence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks import peers, truth
from benchmarks.cases import Case
from benchmarks.truth import VANISHING
from gradcheck_cli.causes.ranking import rank
from gradcheck_cli.records.finding import Severity
from gradcheck_cli.records.trace import Trace
from gradcheck_cli.rules.engine import judge

SURE = 1.959964  # standard deviations: 95 %


@dataclass
class Ratio:
    """So many of so many."""

    hits: int = 0
    of: int = 0

    def __add__(self, other: "Ratio") -> "Ratio":
        return Ratio(self.hits + other.hits, self.of + other.of)

    def count(self, hit: bool) -> None:
        """Add one."""
        self.hits += hit
        self.of += 1

    @property
    def value(self) -> float | None:
        """The share, None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        if not self.of:
            return 0.0, 1.0
        share, n = self.hits / self.of, self.of
        middle = share + SURE**2 / (2 * n)
        wide = SURE * math.sqrt(share * (1 - share) / n + SURE**2 / (4 * n * n))
        low, high = ((middle + sign * wide) / (1 + SURE**2 / n) for sign in (-1, 1))
        return max(0.0, low), min(1.0, high)

    def __str__(self) -> str:
        if not self.of:
            return "-"
        low, high = self.interval
        return f"{self.hits / self.of:.3f} ({self.hits}/{self.of}; {low:.2f}..{high:.2f})"


@dataclass
class Outcome:
    """What was said of one case."""

    case: Case
    said: dict[str, Severity] = field(default_factory=dict)  # the gravest of each name
    causes: tuple[str, ...] = ()
    truths: dict[str, bool | None] = field(default_factory=dict)  # of what was raised
    peers: dict[str, set[str] | None] = field(default_factory=dict)
    peers_true: bool = False  # whether vanishing holds of it
    broken: str = ""  # it could not be observed, or a rule crashed

    @property
    def raised(self) -> list[str]:
        """Findings above a note."""
        return [name for name, severity in self.said.items() if severity is not Severity.NOTE]

    @property
    def planted_right(self) -> bool:
        """Whether what was planted is what was measured, so that its cause is the cause."""
        wanted = "vanishing" if self.case.group == "vanishing" else f"other:{self.case.finding}"
        return self.case.label == wanted and self.case.cause != "none"


def outcome(
    case: Case, trace: Trace | str, run: peers.Run | str | None, evidence: Mapping[str, Any]
) -> Outcome:
    """Judge one trace, rank its causes, and hold both against the evidence."""
    result = Outcome(case)
    result.peers_true = truth.is_true(VANISHING, case, evidence, ()) is True
    if isinstance(run, peers.Run):
        result.peers = {name: rule(run) for name, rule in peers.PEERS.items()}
    if isinstance(trace, str):
        result.broken = trace
        return result
    judgment = judge(trace)
    for finding in reversed(judgment.findings):  # the gravest last
        result.said[finding.name] = finding.severity
    result.causes = tuple(cause.name for cause in rank(trace, judgment.findings))
    result.broken = "; ".join(crash.where for crash in judgment.crashed)
    result.truths = {
        name: truth.is_true(name, case, evidence, trace.losses) for name in result.raised
    }
    return result


@dataclass
class Row:
    """Precision and recall of one finding."""

    precision: Ratio = field(default_factory=Ratio)
    recall: Ratio = field(default_factory=Ratio)
    unmeasured: int = 0


@dataclass
class Score:
    """Everything that is counted over some cases."""

    cases: int = 0
    healthy: int = 0
    errors: Ratio = field(default_factory=Ratio)
    alarms: Ratio = field(default_factory=Ratio)  # errors or warnings
    vanishing_alarms: Ratio = field(default_factory=Ratio)  # healthy cases said to vanish
    rows: dict[str, Row] = field(default_factory=dict)
    strict: Ratio = field(default_factory=Ratio)  # precision of vanishing by labels alone
    first: Ratio = field(default_factory=Ratio)  # planted cause ranked first
    second: Ratio = field(default_factory=Ratio)  # or second
    failures: list[tuple[str, str, str]] = field(default_factory=list)  # case, what, said

    @property
    def vanishing(self) -> Row:
        """Of vanishing-gradient."""
        return self.rows.get(VANISHING, Row())

    @property
    def others(self) -> Row:
        """Of all other findings together."""
        rows = [row for name, row in self.rows.items() if name != VANISHING]
        return Row(
            sum((row.precision for row in rows), Ratio()),
            sum((row.recall for row in rows), Ratio()),
            sum(row.unmeasured for row in rows),
        )


def wanted(case: Case) -> str | None:
    """Return the finding that a case is labeled with."""
    if case.label == "vanishing":
        return VANISHING
    return case.label.removeprefix("other:") if case.label.startswith("other:") else None


def words(result: Outcome) -> str:
    """Return what was said, for the list of failures."""
    said = ", ".join(f"{name} {severity}" for name, severity in result.said.items()) or "nothing"
    causes = "; causes: " + ", ".join(result.causes[:3]) if result.causes else ""
    return f"said {said}{causes}"


def score(outcomes: Iterable[Outcome]) -> Score:
    """Count."""
    total = Score()
    for result in outcomes:
        case = result.case
        total.cases += 1
        if result.broken:
            total.failures.append((case.name, "not judged", result.broken))
        if case.label == "healthy":
            healthy(result, total)
        asked = wanted(case)
        if asked is not None:
            found = asked in result.raised
            total.rows.setdefault(asked, Row()).recall.count(found)
            if not found:
                total.failures.append((case.name, f"{asked} is missed", words(result)))
        for name in result.raised:
            row = total.rows.setdefault(name, Row())
            holds = result.truths[name]
            if holds is None:
                row.unmeasured += 1
                continue
            row.precision.count(holds)
            if not holds and case.label != "healthy":
                total.failures.append((case.name, f"{name} is not so", words(result)))
        if VANISHING in result.raised:
            total.strict.count(case.label == "vanishing")
        if result.planted_right:
            total.first.count(result.causes[:1] == (case.cause,))
            total.second.count(case.cause in result.causes[:2])
            if result.causes[:1] != (case.cause,):
                total.failures.append((case.name, f"cause is {case.cause}", words(result)))
    return total


def healthy(result: Outcome, total: Score) -> None:
    """Count one healthy case."""
    total.healthy += 1
    grave = [name for name in result.raised if result.said[name] is Severity.ERROR]
    total.errors.count(bool(grave))
    total.alarms.count(bool(result.raised))
    total.vanishing_alarms.count(VANISHING in result.raised)
    if result.raised:
        total.failures.append((result.case.name, "is healthy", words(result)))


@dataclass
class PeerScore:
    """What one peer reaches on some cases."""

    precision: Ratio = field(default_factory=Ratio)
    recall: Ratio = field(default_factory=Ratio)
    alarms: Ratio = field(default_factory=Ratio)  # healthy cases of which anything is said
    vanishing_alarms: Ratio = field(default_factory=Ratio)  # healthy cases said to vanish


def score_peer(name: str, outcomes: Sequence[Outcome]) -> PeerScore | None:
    """Count one peer; None where it said nothing anywhere because it did not run."""
    found = [(r, said) for r in outcomes if (said := r.peers.get(name)) is not None]
    if not found:
        return None
    total = PeerScore()
    for result, said in found:
        if VANISHING in said:
            total.precision.count(result.peers_true)
        if result.case.label == "vanishing":
            total.recall.count(VANISHING in said)
        if result.case.label == "healthy":
            total.alarms.count(bool(said))
            total.vanishing_alarms.count(VANISHING in said)
    return total
