"""May a report pass: what counts of it, what is new beside a baseline, and the exit code.

A report of this run counts already what the policy lets count; one that was saved is sorted here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradcheck_cli import comparing, concluding
from gradcheck_cli.errors import ExitCode
from gradcheck_cli.policy import Policy, Sorted, is_serious, sort
from gradcheck_cli.records import baseline as accepted
from gradcheck_cli.records.baseline import Comparison
from gradcheck_cli.records.finding import Finding
from gradcheck_cli.records.report import Report, Verdict
from gradcheck_cli.rules.engine import check_selection, unfitting


@dataclass(frozen=True, slots=True)
class Gated:
    """A report in which only what counts is left, and what the gate has to say about it."""

    report: Report
    policy: Policy
    notes: tuple[str, ...] = ()
    comparison: Comparison | None = None

    @property
    def failing(self) -> tuple[Finding, ...]:
        """What may fail the run: all findings, beside a baseline only what is new or worse."""
        return self.comparison.regressed if self.comparison else self.report.findings

    @property
    def fails(self) -> bool:
        """Is there a finding that fails the run, if nothing forgives it?"""
        gate = self.policy.fail_on
        return gate is not None and any(f.severity.rank >= gate.rank for f in self.failing)

    @property
    def code(self) -> ExitCode:
        """The exit code: 0 only for what was measured to its end and judged by all rules."""
        if self.report.run.interrupted:
            return ExitCode.INTERRUPTED
        if self.report.run.steps == 0:
            failed = any(crash.ended_measuring for crash in self.report.crashed)
            return ExitCode.BUG if failed else ExitCode.CANNOT_DIAGNOSE
        if self.fails and not self.policy.exit_zero:
            return ExitCode.FINDINGS
        crashed = self.report.crashed
        if any(crash.is_ours for crash in crashed):
            return ExitCode.BUG
        partial = self.report.run.stopped or any(crash.is_unjudged for crash in crashed)
        return ExitCode.CANNOT_DIAGNOSE if partial else ExitCode.OK

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What is to be said: of the policy, of the baseline, and why something sick passes."""
        return (*self.notes, *filter(None, (self.excuse,)))

    @property
    def excuse(self) -> str:
        """Why the exit code is 0 although something is wrong; empty where it is not."""
        if self.report.verdict is not Verdict.SICK or self.code is not ExitCode.OK:
            return ""
        gate = self.policy.fail_on
        if gate is None:
            return "exit code 0 although something was found: --fail-on never"
        if self.fails:
            return "exit code 0 although something was found: --exit-zero"
        if any(f.severity.rank >= gate.rank for f in self.report.findings):
            return "exit code 0 although something was found: the baseline accepts them"
        worst = self.report.worst
        found = f"the gravest is a {worst.value}" if worst is not None else "none is left"
        return f"exit code 0 although something was found: {found}, and --fail-on is {gate.value}"


def check(policy: Policy, found: Sequence[Finding] = ()) -> None:
    """Raise UsageError for an unreadable baseline, and where no rule is selected, nor one that `found`."""
    check_selection(policy, found)
    if policy.baseline is not None:
        accepted.read(policy.baseline)


def gate(report: Report, policy: Policy) -> Gated:
    """Return what counts of a saved report; raises UsageError for an unreadable baseline."""
    said = sort(report.findings, policy)
    counting = report if said.kept == report.findings else _without(report, said)
    return beside(counting, policy, (*unfitting(policy), *said.unused))


def beside(counting: Report, policy: Policy, notes: Sequence[str] = ()) -> Gated:
    """Return what is new or worse beside the baseline; raises UsageError when it is unreadable."""
    if policy.baseline is None:
        return Gated(counting, policy, tuple(notes))
    comparison = comparing.compare(accepted.read(policy.baseline), counting)
    known = len(comparison.same) + len(comparison.better)
    said = [f"{known} of {len(counting.findings)} findings are accepted by {policy.baseline}"]
    said += [f"{pair.now.code} {pair.now.name} got {pair.why}" for pair in comparison.worse]
    if comparison.gone:
        said.append(f"{len(comparison.gone)} accepted findings are gone: gradcheck baseline prune")
    return Gated(counting, policy, (*notes, *said), comparison)


def _without(report: Report, said: Sorted) -> Report:
    """Return the report without what does not count, nor causes and fixes of that alone."""
    kept = said.kept
    marks = {f.code for f in kept} | {f.name for f in kept}
    causes = tuple(c for c in report.causes if marks & {*c.explains})
    treated = {c.name for c in causes}
    verdict, headline = report.verdict, report.headline
    if said.calmed and verdict is Verdict.SICK:
        verdict, headline = Verdict.HEALTHY, concluding.calmed(said.left_out)
    elif is_serious(kept) and (verdict is not Verdict.SICK or not is_serious(report.findings)):
        verdict, headline = Verdict.SICK, concluding.accusation(kept, causes)
    return replace(
        report,
        verdict=verdict,
        headline=headline,
        findings=kept,
        causes=causes,
        fixes=tuple(fix for fix in report.fixes if fix.treats in treated),
        skipped=(*report.skipped, *said.left_out),
    )
