"""What decides the exit code: options that `diagnose` and `report` share, and their use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcheck_cli import gating
from gradcheck_cli.cli.deciding import code_of_report
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.records.comparison import Comparison
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report

if TYPE_CHECKING:
    from gradcheck_cli.probe.meeting import Meeting

PANEL = "What counts"

SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--select",
        metavar="RULES",
        help="Only these rules count: codes, prefixes, names, ALL. Replaces what a config selects.",
        rich_help_panel=PANEL,
    ),
]
ExtendSelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--extend-select",
        metavar="RULES",
        help="These rules count too.",
        rich_help_panel=PANEL,
    ),
]
IgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="RULES",
        help="These rules do not count: codes, prefixes, names. Adds to what a config ignores.",
        rich_help_panel=PANEL,
    ),
]
ExtendIgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--extend-ignore",
        metavar="RULES",
        help="The same as --ignore.",
        rich_help_panel=PANEL,
    ),
]
ModuleIgnoreOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-in",
        metavar="MODULES=RULES:REASON",
        help="Rules that do not count in some layers: 'head.*=GC101:frozen on purpose'.",
        rich_help_panel=PANEL,
    ),
]
SeverityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--severity",
        metavar="CODE=LEVEL",
        help="Another severity: GC101=warning.",
        rich_help_panel=PANEL,
    ),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="CODE.NAME=VALUE",
        help="A setting of a rule: GC101.attenuation=1e-4, GC101.severity=warning. "
        "`gradcheck explain` lists them.",
        rich_help_panel=PANEL,
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Accepted findings fail only when worse.",
        rich_help_panel=PANEL,
    ),
]
ExitZeroOption = Annotated[
    bool,
    typer.Option(
        "--exit-zero", help="Exit 0 in spite of findings; errors still fail.", rich_help_panel=PANEL
    ),
]
MaybeExitZeroOption = Annotated[
    bool | None,
    typer.Option(
        "--exit-zero/--no-exit-zero",
        help="Exit 0 in spite of findings; errors still fail.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True, slots=True)
class Counts:
    """What counts, which thresholds the rules have, whether files are trusted, who trains with us."""

    policy: gating.Policy
    thresholds: Mapping[str, Mapping[str, Any]]
    baseline: Path | None
    trust: bool
    met: "Meeting | None" = None  # where the ranks of a strategy meet
    strategy: str | None = None


@dataclass(frozen=True, slots=True)
class Gated:
    """A report in which only what counts is left, and what the gate has to say about it."""

    report: Report
    notes: tuple[str, ...]
    comparison: Comparison | None = None

    @property
    def failing(self) -> tuple[Finding, ...]:
        """What may fail the run: all findings, beside a baseline only what is new or worse."""
        return self.comparison.regressed if self.comparison else self.report.findings

    def code(self, gate: Severity | None, *, exit_zero: bool) -> ExitCode:
        """Return the exit code of the report, of which `failing` may fail it."""
        return code_of_report(self.report, gate, failing=self.failing, exit_zero=exit_zero)


def policy_of(
    select: Sequence[str] | None,
    ignore: Sequence[str] | None,
    ignore_in: Sequence[str] | None,
    severity: Sequence[str] | None,
) -> gating.Policy:
    """Return the policy that the options describe; raises UsageError."""
    return gating.Policy(
        select=tuple(listed(select) or (gating.ALL,)),
        ignore=tuple(listed(ignore) or ()),
        per_module=tuple(gating.parse_module_ignore(text) for text in ignore_in or ()),
        severities=tuple(gating.parse_severity(text) for text in severity or ()),
    )


def check_selection(policy: gating.Policy, found: Sequence[Finding] = ()) -> None:
    """Raise UsageError where the policy selects no rule, neither of ours nor of those that `found`."""
    gating.check_selection(policy, [*_known(), *((f.code, f.name) for f in found)])


def warnings_of(policy: gating.Policy) -> list[str]:
    """Return a warning for each ignore and severity that fits no rule."""
    given = [*policy.ignore]
    given += [*(code for code, _ in policy.severities)]
    given += [text for ignore in policy.per_module for text in ignore.rules]
    return gating.check_rules(given, _known())


def _known() -> list[tuple[str, str]]:
    from gradcheck_cli.rules import all_rules

    return [(rule.code, rule.name) for rule in all_rules()]


def check_baseline(baseline: Path | None) -> None:
    """Raise UsageError for an unreadable baseline before any time is spent."""
    if baseline is not None:
        from gradcheck_cli.records import baseline as accepted

        accepted.read(baseline)


def gated(report: Report, policy: gating.Policy, baseline: Path | None) -> Gated:
    """Return what counts of `report`; raises UsageError for an unreadable baseline."""
    counting, notes = counted(report, policy)
    return beside(counting, baseline, notes)


def counted(report: Report, policy: gating.Policy) -> tuple[Report, tuple[str, ...]]:
    """Return the report with what counts, and what is to be said of the policy."""
    counting, notes = gating.gate(report, policy)
    return counting, (*warnings_of(policy), *notes)


def beside(counting: Report, baseline: Path | None, notes: Sequence[str]) -> Gated:
    """Return what is new or worse beside the baseline; raises UsageError when it is unreadable."""
    if baseline is None:
        return Gated(counting, tuple(notes))

    from gradcheck_cli import comparing
    from gradcheck_cli.records import baseline as accepted

    comparison = comparing.compare(accepted.read(baseline), counting)
    known = len(comparison.same) + len(comparison.better)
    said = [f"{known} of {len(counting.findings)} findings are accepted by {baseline}"]
    said += [f"{pair.now.code} {pair.now.name} got {pair.why}" for pair in comparison.worse]
    if comparison.gone:
        said.append(f"{len(comparison.gone)} accepted findings are gone: gradcheck baseline prune")
    return Gated(counting, (*notes, *said), comparison)


def listed(texts: Sequence[str] | None) -> list[str] | None:
    """Return the parts of options that may be repeated or hold commas, None where none was given."""
    parts = [p.strip() for text in texts or () for p in text.split(",") if p.strip()]
    return parts or None
