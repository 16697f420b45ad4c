"""The exit code of a report: the one place that decides it, for every command that ends in one."""

from collections.abc import Sequence

from gradcheck_cli.errors import ExitCode
from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report


def code_of_report(
    report: Report,
    gate: Severity | None,
    *,
    failing: Sequence[Finding] | None = None,
    exit_zero: bool = False,
) -> ExitCode:
    """Return 0 only for what was measured to its end and judged by all rules, with nothing to fail it.

    `failing` are the findings that may fail it, all of the report's where None; with `exit_zero` they
    do not.
    """
    if report.run.interrupted:
        return ExitCode.INTERRUPTED
    if report.run.steps == 0:
        return ExitCode.CANNOT_DIAGNOSE
    found = report.findings if failing is None else failing
    if gate is not None and not exit_zero and any(f.severity.rank >= gate.rank for f in found):
        return ExitCode.FINDINGS
    if report.crashed:
        return ExitCode.BUG
    return ExitCode.CANNOT_DIAGNOSE if report.run.stopped else ExitCode.OK
