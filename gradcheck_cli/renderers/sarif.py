"""SARIF 2.1.0 as GitHub code scanning accepts it.

One result per rule and source line, because GitHub tells results apart by the hash of the line; all
layers concerned are in the message and in the logical locations.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from gradcheck_cli.records.diagnosis import Fix
from gradcheck_cli.records.finding import Confidence, Finding, Severity, plain_path
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.renderers.places import by_place, key_of, relative
from gradcheck_cli.renderers.words import clean, number, partial, shorten, some_layers

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines `start` to `end` (exclusive) of `file` become `text`."""

    file: str
    start: int
    end: int
    text: str


def replacements(diff: str) -> Iterator[Replacement]:
    """Yield one replacement per hunk; what is no diff yields nothing.

    The counts in a hunk's head say where it ends: its lines may look like heads themselves.
    """
    file = ""
    lines = iter(diff.split("\n"))
    for line in lines:
        if line.startswith("+++ "):
            file = line[4:].split("\t")[0].removeprefix("b/").strip()
        elif file and (head := HUNK.match(line)):
            start, old, new = int(head[1]), int(head[2] or 1), int(head[3] or 1)
            first = start if old else start + 1  # an insertion names the line before it
            yield Replacement(file, first, first + old, _new_text(lines, old, new))


def _new_text(lines: Iterator[str], old: int, new: int) -> str:
    """Take a hunk's lines and return those of the new file."""
    kept = []
    while old > 0 or new > 0:
        line = next(lines, None)
        if line is None:
            break
        old -= line[:1] != "+"
        if line[:1] != "-":
            new -= 1
            kept.append(line[1:] + "\n")
    return "".join(kept)


SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}
PRECISION = {Confidence.HIGH: "high", Confidence.MEDIUM: "medium", Confidence.LOW: "low"}
MOST_LAYERS = 100
LONGEST = 1000  # GitHub's limit for descriptions is 1024


def render(report: Report, cards: Mapping[str, str]) -> str:
    """Return the log; `cards` are the rules' manuals by code."""
    groups = by_place(report)
    codes = list(dict.fromkeys(findings[0].code for _, findings in groups))
    run = {
        "tool": {
            "driver": {
                "name": "gradcheck",
                "version": report.run.gradcheck or "0",
                "rules": [_rule(code, report, cards) for code in codes],
            }
        },
        "automationDetails": {"id": f"gradcheck/{_text(report.run.model) or 'model'}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": not partial(report.run) and not report.crashed}],
        "results": [_result(site, found, codes, report) for site, found in groups],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=True, indent=1, allow_nan=False) + "\n"


def _rule(code: str, report: Report, cards: Mapping[str, str]) -> dict[str, Any]:
    first = next(f for f in report.findings if f.code == code)
    card = cards.get(code, "").strip()
    title = card.splitlines()[0] if card else first.name.replace("-", " ")
    return {
        "id": code,
        "name": first.name,
        "shortDescription": {"text": shorten(title, LONGEST)},
        "fullDescription": {"text": shorten(" ".join(card.split()) or title, LONGEST)},
        "help": {"text": card or f"gradcheck explain {code}"},
        "defaultConfiguration": {"level": LEVEL[first.severity]},
        "properties": {
            "precision": PRECISION[first.confidence],
            "problem.severity": PROBLEM[first.severity],
            "tags": ["pytorch", "training"],
        },
    }


def _result(
    site: SourceSite, findings: Sequence[Finding], codes: Sequence[str], report: Report
) -> dict[str, Any]:
    first = findings[0]
    layers = list(dict.fromkeys(path for f in findings for path in f.layers))
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(site.file)},
            "region": _region(site),
        }
    }
    if layers:
        location["logicalLocations"] = [
            {"fullyQualifiedName": _text(plain_path(path)) or "(root)", "kind": "object"}
            for path in layers[:MOST_LAYERS]
        ]
    result = {
        "ruleId": first.code,
        "ruleIndex": codes.index(first.code),
        "level": LEVEL[first.severity],
        "message": {"text": _message(findings, layers)},
        "locations": [location],
        "partialFingerprints": {"gradcheck/v1": key_of(first.code, first.layers, first.subject)},
    }
    fixes = _fixes(first, report)
    return {**result, "fixes": fixes} if fixes else result


def _message(findings: Sequence[Finding], layers: Sequence[str]) -> str:
    parts = [_text(f.message) for f in findings]
    for evidence in findings[0].evidence:
        limit = f" (limit {number(evidence.limit)})" if evidence.limit is not None else ""
        parts.append(f"{_text(evidence.what)}: {number(evidence.measured)}{limit}")
    if layers:
        parts.append(f"Layers: {some_layers(layers)}")
    said = "\n".join(part for part in parts if part.strip())
    return said or findings[0].name  # GitHub takes an empty text for a missing one


def _region(site: SourceSite) -> dict[str, int]:
    line, column = max(site.line, 1), max(site.column, 1)
    region = {"startLine": line, "startColumn": column}
    if (site.end_line, site.end_column) > (line, column) and site.end_column >= 1:
        region |= {"endLine": site.end_line, "endColumn": site.end_column}
    return region


def _fixes(finding: Finding, report: Report) -> list[dict[str, Any]]:
    """Return the edits of the fixes that treat what explains the finding, each once."""
    explaining = {c.name for c in report.causes if {finding.code, finding.name} & {*c.explains}}
    found: list[dict[str, Any]] = []
    for fix in report.fixes:
        changes = _changes(fix) if fix.treats in explaining else []
        edit = {"description": {"text": _text(fix.summary) or fix.name}, "artifactChanges": changes}
        if changes and edit not in found:
            found.append(edit)
    return found


def _changes(fix: Fix) -> list[dict[str, Any]]:
    by_file: dict[str, list[dict[str, Any]]] = {}
    for edit in replacements(fix.diff):
        region = {
            "startLine": max(edit.start, 1),
            "startColumn": 1,
            "endLine": max(edit.end, 1),
            "endColumn": 1,
        }
        text = edit.text.encode("utf-8", "replace").decode()
        by_file.setdefault(_uri(relative(edit.file)), []).append(
            {"deletedRegion": region, "insertedContent": {"text": text}}
        )
    return [
        {"artifactLocation": {"uri": uri}, "replacements": edits} for uri, edits in by_file.items()
    ]


def _text(text: str) -> str:
    return shorten(clean(text).strip(), LONGEST)


def _uri(file: str) -> str:
    """Return the path as a URI reference; an absolute one outside of the project stays absolute."""
    name = quote(file.encode("utf-8", "replace"), safe="/")
    return (f"file://{name}" if name.startswith("/") else name) or "."
