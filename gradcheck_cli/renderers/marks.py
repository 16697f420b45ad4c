"""Which layers a picture marks.

Several findings together often name every layer; a picture in which all is red shows nothing. So
the first finding that names layers colors them, and those of the others get a faint mark.
"""

from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report


def leading(report: Report) -> Finding | None:
    """Return the gravest finding that names layers, the first of equals."""
    named = [finding for finding in report.findings if finding.layers]
    return max(named, key=lambda f: f.severity.rank, default=None)


def marks(report: Report) -> dict[str, Severity]:
    """Return the severity with which each layer is marked; NOTE is the faint mark."""
    found = {path: Severity.NOTE for finding in report.findings for path in finding.layers}
    first = leading(report)
    if first:
        found |= dict.fromkeys(first.layers, first.severity)
    return found
