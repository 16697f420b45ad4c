"""Annotations as GitHub's workflow commands, within its limit of ten of each kind."""

from collections.abc import Sequence

from gradcheck_cli.records.finding import Finding, Severity
from gradcheck_cli.records.report import Report
from gradcheck_cli.records.trace import SourceSite
from gradcheck_cli.renderers.places import by_place
from gradcheck_cli.renderers.words import clean, number, plural, shorten, some_layers

COMMAND = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
MOST_OF_A_KIND = 10
LONGEST = 3000


def render(report: Report) -> str:
    """Return one command per rule and line, the gravest first, and one notice that sums up."""
    lines: list[str] = []
    room = dict.fromkeys(COMMAND.values(), MOST_OF_A_KIND)
    room["notice"] -= 1  # for the summary
    left_out = 0
    for site, findings in by_place(report):
        kind = COMMAND[findings[0].severity]
        if room[kind] > 0:
            room[kind] -= 1
            lines.append(_annotation(kind, site, findings))
        else:
            left_out += 1
    said = f"{report.verdict.value}: {clean(report.headline)}"
    if left_out:
        said += f" ({plural(left_out, 'more annotation')} beyond GitHub's limit)"
    lines.append(f"::notice title=gradcheck::{_data(said)}")
    return "\n".join(lines) + "\n"


def _annotation(kind: str, site: SourceSite, findings: Sequence[Finding]) -> str:
    first = findings[0]
    where = f"file={_property(site.file)},line={site.line}"
    if site.end_line in {0, site.line}:  # columns are allowed within one line only
        where += f",col={site.column}"
        if site.end_column > site.column:
            where += f",endColumn={site.end_column}"
    elif site.end_line > site.line:
        where += f",endLine={site.end_line}"
    title = _property(f"gradcheck ({first.code} {first.name})")
    return f"::{kind} {where},title={title}::{_data(_message(findings))}"


def _message(findings: Sequence[Finding]) -> str:
    lines = [clean(f.message) for f in findings]
    for evidence in findings[0].evidence:
        limit = f" (limit {number(evidence.limit)})" if evidence.limit is not None else ""
        lines.append(f"{clean(evidence.what)}: {number(evidence.measured)}{limit}")
    layers = list(dict.fromkeys(path for f in findings for path in f.layers))
    if layers:
        lines.append(f"Layers: {some_layers(layers)}")
    return shorten("\n".join(lines), LONGEST)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(shorten(clean(text), LONGEST)).replace(":", "%3A").replace(",", "%2C")
