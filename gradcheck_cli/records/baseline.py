"""What a report is held against: a file of accepted findings, or another report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.shapes import WHOLE, Many, ShapeError, Style
from gradcheck_cli.records.textfile import write_text
from gradcheck_cli.records.yamlfile import dumps_document, parsed, read_text


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


SCHEMA = 1
HEAD = """\
# Findings that are accepted for now: they do not fail the gate until they get worse.
# Written by `gradcheck baseline write`; `gradcheck baseline prune` removes what is gone.
# Keyed by rule and layers, without lines and values, so that edits elsewhere change nothing.
"""

STYLE = Style(left_out={Accepted: "subject excess"}, digits={"excess": 2})
ENTRIES = Many(STYLE.record(Accepted))


def read(path: Path) -> tuple[Accepted, ...]:
    """Return the accepted findings in `path`; raises UsageError."""
    return parsed(read_text(path), str(path), _entries)


def write(entries: tuple[Accepted, ...], path: Path) -> None:
    """Save the accepted findings at once; raises UsageError."""
    document = {"baseline": SCHEMA, "findings": ENTRIES.plain(entries)}
    write_text(path, HEAD + dumps_document(document))


def _entries(document: Any) -> tuple[Accepted, ...]:
    if not isinstance(document, dict) or "baseline" not in document:
        raise ShapeError("", "a gradcheck baseline (a mapping with the key 'baseline')", document)
    number = WHOLE.value(document["baseline"], "baseline")
    if number != SCHEMA:
        raise ShapeError("baseline", f"version {SCHEMA}", number)
    return ENTRIES.value(document.get("findings", []), "findings")
