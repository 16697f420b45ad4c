"""Where a finding is shown: a file as the repository names it, and the layers that a picture marks.

Several findings together often name every layer; a picture in which all is red shows nothing. So
the first finding that names layers colors them, and those of the others get a faint mark.
"""

import hashlib
from collections.abc import Iterable
from pathlib import PurePath

from gradcheck_cli.here import below_here
from gradcheck_cli.records.finding import Finding, Severity, plain_path
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import SourceSite

FALLBACK = "pyproject.toml"


def relative(file: str) -> str:
    """Return `file` below the current folder with forward slashes; others stay as they are."""
    return PurePath(below_here(file)).as_posix()


def shown_at(finding: Finding, report: Report) -> SourceSite:
    """Return where the finding is shown: its own place, else the model's file, else the project."""
    if finding.at:
        return SourceSite(
            relative(finding.at.file),
            max(finding.at.line, 1),
            max(finding.at.column, 1),
            finding.at.end_line,
            finding.at.end_column,
        )
    file = report.run.model.partition(":")[0]
    return SourceSite(relative(file) if file.endswith(".py") else FALLBACK, 1)


def key_of(code: str, layers: Iterable[str], subject: str | None = None) -> str:
    """Return an identity without line numbers and values: what, on which model, from which layer on."""
    first = next((plain_path(path) for path in layers), "")
    return hashlib.sha256(
        "\0".join((code, subject or "", first)).encode("utf-8", "replace")
    ).hexdigest()


def by_place(report: Report) -> list[tuple[SourceSite, list[Finding]]]:
    """Return the findings of one rule on one line together, the gravest first."""
    groups: dict[tuple[str, str, int], tuple[SourceSite, list[Finding]]] = {}
    for finding in sorted(report.findings, key=lambda f: -f.severity.rank):
        site = shown_at(finding, report)
        groups.setdefault((finding.code, site.file, site.line), (site, []))[1].append(finding)
    return list(groups.values())


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
